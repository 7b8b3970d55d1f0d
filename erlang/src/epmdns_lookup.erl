%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc Questions to the agent, over a session that all processes of the VM share.
%%
%% The session is started by the first question and again by the first one after it ended: a VM that
%% asks nothing holds nothing, and after a restart of the agent nobody waits for a timer.
-module(epmdns_lookup).

-export([node/3, names/1, stop/0]).
-export_type([found/0, urgency/0, reason/0]).

-define(SESSION, ?MODULE).
%% How long a miss may wait for the network, and how long we wait for the agent to say so.
-define(NETWORK_MS, 500).
-define(SETUP_MS, 700).
%% In net_kernel every millisecond is the whole node's.
-define(NET_KERNEL_MS, 200).
-define(NAMES_MS, 2000).
%% The first question finds no session, and the session may find an agent that is just ending.
-define(STARTS, 2).

-type found() :: {
    inet:ip_address(), inet:port_number(), DistHigh :: 0..65535, epmdns_proto:carrier() | unknown
}.
-type urgency() :: now | setup | patient.
%% `now': from what the agent knows already, and not at all while it owes an answer. `setup': the
%% calling process is about to connect; the agent hears of it if that fails.
-type reason() :: epmdns_proto:code() | unavailable | bad_answer.

%% @doc Where a node listens in this family.
-spec node(binary(), inet | inet6, urgency()) -> {ok, found()} | {error, reason()}.
node(Node, Family, Urgency) ->
    Who = #{node => Node, family => epmdns_proto:family(Family)},
    Waiting = Who#{timeout_ms => ?NETWORK_MS},
    {Fields, Terms} =
        case Urgency of
            now -> {Who, {?NET_KERNEL_MS, impatient}};
            setup -> {Waiting, {?SETUP_MS, {watch, epmdns_proto:pack(Who)}}};
            patient -> {Waiting, {?SETUP_MS, patient}}
        end,
    case ask(lookup, Fields, Terms) of
        {ok, {found, #{address := [Address | _], port := Port, dist_high := High} = Found, _}} ->
            {ok, {epmdns_proto:ip(Address), Port, High, maps:get(carrier, Found, unknown)}};
        Other ->
            {error, reason(Other)}
    end.

%% @doc The nodes of a host with their ports; `local' for all that are registered with our agent.
-spec names(local | binary()) -> {ok, [{Node :: binary(), inet:port_number()}]} | {error, reason()}.
names(Host) ->
    Fields =
        case Host of
            local -> #{};
            _ -> #{host => Host}
        end,
    case ask(names, Fields, {?NAMES_MS, patient}) of
        {ok, {done, _, Items}} -> {ok, [{Node, Port} || #{node := Node, port := Port} <- Items]};
        Other -> {error, reason(Other)}
    end.

%% @doc End the shared session, if there is one.
-spec stop() -> ok.
stop() ->
    epmdns_session:stop(?SESSION).

-spec reason(epmdns_session:result()) -> reason().
reason({error, {Code, _}}) -> Code;
reason({error, Reason}) -> Reason;
reason({ok, _}) -> bad_answer.

-spec ask(epmdns_proto:op(), epmdns_proto:fields(), epmdns_session:terms()) ->
    epmdns_session:result().
ask(Op, Fields, {TimeoutMs, Manner}) ->
    ask(Op, Fields, Manner, now_ms() + TimeoutMs, ?STARTS).

-spec ask(
    epmdns_proto:op(), epmdns_proto:fields(), epmdns_session:manner(), integer(), non_neg_integer()
) -> epmdns_session:result().
ask(Op, Fields, Manner, DeadlineMs, Starts) ->
    case epmdns_session:call(?SESSION, Op, Fields, {max(1, DeadlineMs - now_ms()), Manner}) of
        {error, unavailable} when Starts > 0 ->
            %% None yet, or the agent went away and may be back. The loser of a race to start it
            %% finds the winner's.
            _ = epmdns_session:start(?SESSION),
            ask(Op, Fields, Manner, DeadlineMs, Starts - 1);
        Result ->
            Result
    end.

-spec now_ms() -> integer().
now_ms() -> erlang:monotonic_time(millisecond).
