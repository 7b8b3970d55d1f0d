%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc An epmd of this machine told of our node (`-epmdns_epmd true'), for those who ask nobody
%% else: unmodified nodes, C nodes, erl_call.
%%
%% No epmd is ever started: one that runs is used, and waited for otherwise. The work is done by
%% OTP's erl_epmd, whose process keeps the connection. It may take ten seconds to answer, so it is
%% asked and owned by this process, which the guard monitors and nobody waits for.
-module(epmdns_epmd).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([start_monitor/3, stop/1]).
-export([init/1, handle_continue/2, handle_call/3, handle_cast/2, handle_info/2]).

%% As often as erl_epmd renews a lost connection (erl_epmd.erl, RECONNECT_TIME).
-define(AGAIN_MS, 2000).
-define(STOP_MS, 100).

-record(state, {
    name :: string(),
    family :: inet | inet6,
    port :: inet:port_number(),
    failures = 0 :: non_neg_integer()
}).

%% @doc Start to register a node: the part of its name before the @, which is all that epmd knows,
%% and its port in one family. The monitor tells the caller when this is to be started again.
-spec start_monitor(string(), inet | inet6, inet:port_number()) ->
    {ok, {pid(), reference()}} | {error, term()}.
start_monitor(Name, Family, Port) ->
    State = #state{name = Name, family = Family, port = Port},
    try
        gen_server:start_monitor(?MODULE, State, [])
    catch
        error:system_limit -> {error, system_limit}
    end.

%% @doc End it, in bounded time; epmd learns of it by the end of the connection.
-spec stop(pid()) -> ok.
stop(Pid) ->
    Ours = [Process || Process <- [Pid, whereis(erl_epmd)], is_pid(Process)],
    Monitors = [monitor(process, Process) || Process <- Ours],
    %% Neither traps exits, and they are linked.
    exit(Pid, shutdown),
    Deadline = erlang:monotonic_time(millisecond) + ?STOP_MS,
    lists:foreach(fun(Monitor) -> await(Monitor, Deadline) end, Monitors).

-spec await(reference(), integer()) -> true.
await(Monitor, Deadline) ->
    receive
        {'DOWN', Monitor, process, _, _} -> true
    after max(0, Deadline - erlang:monotonic_time(millisecond)) ->
        erlang:demonitor(Monitor, [flush])
    end.

%% @private
-spec init(#state{}) -> {ok, #state{}, {continue, register}}.
init(State) ->
    %% See epmdns_session:init/1.
    true = group_leader(whereis(init), self()),
    {ok, State, {continue, register}}.

%% @private
-spec handle_continue(register, #state{}) -> {noreply, #state{}}.
handle_continue(register, State) ->
    {noreply, register_once(State)}.

%% @private
-spec handle_call(term(), {pid(), term()}, #state{}) -> {reply, {error, badarg}, #state{}}.
handle_call(_, _, State) ->
    {reply, {error, badarg}, State}.

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info(again, State) ->
    {noreply, register_once(State)};
handle_info(_, State) ->
    {noreply, State}.

-spec register_once(#state{}) -> #state{}.
register_once(#state{name = Name, family = Family, port = Port, failures = Failures} = State) ->
    %% That somebody else has started it is as good.
    _ = erl_epmd:start_link(),
    case erl_epmd:register_node(Name, Port, Family) of
        %% -1 is what it says with -erl_epmd_port when there is no epmd.
        {ok, Creation} when Creation > 0 ->
            held(State);
        {error, already_registered} ->
            held(State);
        Failure ->
            again(),
            report_failure(Failure, State),
            State#state{failures = Failures + 1}
    end.

-spec again() -> ok.
again() ->
    _ = erlang:send_after(?AGAIN_MS, self(), again),
    ok.

-spec held(#state{}) -> #state{}.
held(State) ->
    %% erl_epmd renews a lost connection by itself from OTP 23.3 on. Before, it takes the name again,
    %% and answers at once as long as it has it.
    epmdns_vm:release() >= 24 orelse again(),
    report_held(State).

-spec report_held(#state{}) -> #state{}.
report_held(#state{name = Name, failures = Failures} = State) ->
    Failures >= 2 andalso ?LOG_NOTICE("epmdns: ~ts is registered with epmd now", [Name]),
    State#state{failures = 0}.

%% The first failure may be our own name, still held for a node that has ended just now.
-spec report_failure(term(), #state{}) -> ok.
report_failure(Failure, #state{name = Name, failures = 1}) ->
    Reason =
        case Failure of
            {error, Known} -> Known;
            {ok, -1} -> no_epmd
        end,
    ?LOG_NOTICE(
        "epmdns: ~ts is not registered with epmd: ~0tp; asking again every ~b s",
        [Name, Reason, ?AGAIN_MS div 1000]
    );
report_failure(_, _) ->
    ok.
