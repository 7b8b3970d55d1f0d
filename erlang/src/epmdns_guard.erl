%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc What this VM wants registered, kept through everything that may happen to the agent.
%%
%% This process is net_sup's child, and net_sup takes the VM down when a child ends
%% (erl_distribution.erl: one_for_all, intensity 0). So it reads no byte that came from outside,
%% waits for nobody, and survives its own mistakes: everything risky is done by a session, an
%% unlinked process that it monitors and replaces.
%%
%% A session that ends is replaced after 100 ms, doubling to 1 s; then everything is registered
%% again, with the creation that the node has and the revision that it had. The process that talks
%% to an epmd, if that is wanted, is treated likewise.
-module(epmdns_guard).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([start_link/0, listening/2, register/4, claims/0, release/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

%% register_node/3 is called at boot and has 500 ms in all.
-define(PATIENCE_MS, 400).
-define(CALL_MS, 480).
%% An agent that has not answered a registration by then is given up, and another one looked for.
-define(ANSWER_MS, 10000).
-define(BACKOFF_MIN_MS, 100).
-define(BACKOFF_MAX_MS, 1000).
%% A name that was taken while we were away is asked for again this often.
-define(REFUSED_MS, 30000).
-define(UNREGISTER_MS, 200).
%% The process that talks to epmd has died.
-define(EPMD_AGAIN_MS, 1000).

-type from() :: {pid(), term()}.
-type key() :: {Node :: binary(), epmdns_proto:carrier()}.
-type creation() :: 4..16#FFFFFFFF.

-record(claim, {
    fields :: epmdns_proto:fields(),
    revision = none :: none | pos_integer(),
    status = pending :: pending | held | {refused, RetryTimer :: reference()},
    %% who waits for the answer, and until when
    caller = none :: none | {from(), reference()}
}).

-record(state, {
    %% what listen_port_please/2 was told: the host part of each name
    hosts = #{} :: #{string() => string()},
    creation :: creation(),
    claims = #{} :: #{key() => #claim{}},
    session = none :: none | {pid(), reference()},
    backoff_ms = ?BACKOFF_MIN_MS :: pos_integer(),
    %% set between the end of a session and the start of the next
    reconnect = none :: none | reference(),
    %% the process that talks to epmd, or the timer that starts it again
    epmd = none :: none | {pid(), reference()} | reference(),
    %% the log says that something is not registered
    is_reported = false :: boolean()
}).

-type called() :: {reply, term(), #state{}} | {noreply, #state{}}.

%% @doc Start the guard.
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Remember the host part of a name that is about to be registered.
-spec listening(string(), string()) -> ok.
listening(Name, Host) ->
    gen_server:cast(?MODULE, {listening, Name, Host}).

%% @doc Register a name; its host part is what `listening' said, else the one given. `again' is for
%% callers that repeat what OTP has registered and know no family: what the name has is left alone.
-spec register(string(), string(), inet | inet6 | again, inet:port_number()) ->
    {ok, creation()} | {error, duplicate_name | not_started}.
register(Name, Host, Family, Port) ->
    case ask({register, Name, Host, Family, Port}, {error, not_started}) of
        {error, not_started} = Error ->
            ?LOG_WARNING(
                "epmdns: ~ts@~ts is not registered: OTP has not started epmdns (-no_epmd)",
                [Name, Host]
            ),
            Error;
        Answer ->
            Answer
    end.

%% @doc What this VM has asked to register, whether or not the agent has it by now.
-spec claims() -> [{Node :: binary(), inet:port_number()}].
claims() ->
    ask(claims, []).

%% @doc Unregister everything.
-spec release() -> ok.
release() ->
    ask(release, ok).

%% A VM that is not distributed has no guard, and nothing registered.
-spec ask(term(), Result) -> Result.
ask(Request, Otherwise) ->
    case whereis(?MODULE) of
        undefined -> Otherwise;
        Guard -> gen_server:call(Guard, Request, ?CALL_MS)
    end.

%% @private
-spec init([]) -> {ok, #state{}}.
init([]) ->
    %% terminate/2 must run when net_kernel:stop/0 ends us.
    process_flag(trap_exit, true),
    {ok, #state{creation = epmdns_vm:new_creation()}}.

%% @private
-spec handle_call(term(), from(), #state{}) -> called().
handle_call(Request, From, State) ->
    guarded({reply, {error, internal}, State}, fun() -> requested(Request, From, State) end).

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast({listening, Name, Host}, #state{hosts = Hosts} = State) ->
    {noreply, State#state{hosts = Hosts#{Name => Host}}};
handle_cast(_, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info(Info, State) ->
    {noreply, guarded(State, fun() -> informed(Info, State) end)}.

%% @private
-spec terminate(term(), #state{}) -> ok.
terminate(_, State) ->
    guarded(ok, fun() ->
        _ = unregister_all(State),
        epmdns_lookup:stop()
    end).

%% A mistake in here must not end the VM.
-spec guarded(Result, fun(() -> Result)) -> Result.
guarded(Otherwise, Fun) ->
    try
        Fun()
    catch
        Class:Reason:Stack ->
            ?LOG_ERROR("epmdns: ~0tp ~0tp~n~tp", [Class, Reason, Stack]),
            Otherwise
    end.

-spec requested(term(), from(), #state{}) -> called().
requested({register, Name, Host, Family, Port}, From, #state{hosts = Hosts} = State) ->
    case epmdns_vm:node_bytes(Name, maps:get(Name, Hosts, Host)) of
        bad ->
            ?LOG_WARNING("epmdns: ~tp is not registered: no node name in latin-1", [Name]),
            {reply, {ok, State#state.creation}, State};
        Node ->
            claim(Node, Family, Port, From, State)
    end;
requested(claims, _, #state{claims = Claims} = State) ->
    Fields = [Fields || #claim{fields = Fields} <- maps:values(Claims)],
    {reply, [{Node, Port} || #{node := Node, port := Port} <- Fields], State};
requested(release, _, State) ->
    {reply, ok, unregister_all(State)};
requested(_, _, State) ->
    {reply, {error, badarg}, State}.

-spec claim(binary(), inet | inet6 | again, inet:port_number(), from(), #state{}) -> called().
claim(Node, again, Port, From, #state{claims = Claims} = State) ->
    case lists:keymember(Node, 1, maps:keys(Claims)) of
        true -> {reply, {ok, State#state.creation}, State};
        false -> claim(Node, inet, Port, From, State)
    end;
claim(Node, Family, Port, From, #state{claims = Claims} = State) ->
    #{carrier := Carrier} = Fields = (epmdns_vm:registration(Port, Family))#{node => Node},
    %% What cannot be said fails here, before anything has changed.
    _ = epmdns_proto:pack(Fields),
    Key = {Node, Carrier},
    case Claims of
        #{Key := #claim{fields = Fields}} ->
            {reply, {ok, State#state.creation}, State};
        #{Key := Old} ->
            Changed = Old#claim{fields = Fields, status = pending},
            %% epmd is to be told of the new port.
            {noreply, register_for(From, Key, Changed, stop_epmd(State))};
        _ ->
            {noreply, register_for(From, Key, #claim{fields = Fields}, State)}
    end.

-spec register_for(from(), key(), #claim{}, #state{}) -> #state{}.
register_for(From, Key, Claim, State) ->
    Timer = erlang:start_timer(?PATIENCE_MS, self(), {patience, Key}),
    case put_claim(Key, Claim#claim{caller = {From, Timer}}, State) of
        #state{session = {_, _}} = Asking -> submit(Key, Asking);
        #state{reconnect = none} = Asking -> connect(Asking);
        %% That there is no agent was found out just now.
        Asking -> report_away(no_agent, answer(Key, Asking))
    end.

-spec informed(term(), #state{}) -> #state{}.
informed({epmdns_session, Pid, Key, Result}, #state{session = {Pid, _}} = State) ->
    case State#state.claims of
        #{Key := Claim} -> registered(Result, Key, Claim, State);
        _ -> State
    end;
informed({'DOWN', Monitor, process, _, Reason}, #state{session = {_, Monitor}} = State) ->
    session_ended(Reason, State);
informed({timeout, Timer, reconnect}, #state{reconnect = Timer} = State) ->
    connect(State#state{reconnect = none});
informed({'DOWN', Monitor, process, _, _}, #state{epmd = {_, Monitor}} = State) ->
    epmd_later(State);
informed({timeout, Timer, epmd}, #state{epmd = Timer} = State) ->
    start_epmd(State#state{epmd = none});
informed({timeout, Timer, {patience, Key}}, State) ->
    case State#state.claims of
        #{Key := #claim{caller = {_, Timer}}} -> report_away(no_answer, answer(Key, State));
        _ -> State
    end;
informed({timeout, Timer, {refused, Key}}, State) ->
    case State#state.claims of
        #{Key := #claim{status = {refused, Timer}}} -> submit(Key, State);
        _ -> State
    end;
informed(_, State) ->
    State.

%% Registered, or not: what the agent's answer means for a claim.
-spec registered(epmdns_session:result(), key(), #claim{}, #state{}) -> #state{}.
registered({ok, {registered, Answer, _}}, Key, Claim, State) ->
    #{creation := Creation, revision := Revision} = Answer,
    Held = put_claim(Key, Claim#claim{status = held, revision = Revision}, State),
    Alive = report_held(Key, Held#state{backoff_ms = ?BACKOFF_MIN_MS}),
    case Claim#claim.caller of
        %% The node goes by the creation that it was given, whatever the agent says later.
        none -> Alive;
        _ -> answer(Key, Alive#state{creation = epmdns_vm:keep_creation(Creation)})
    end;
registered({error, {duplicate_name, _}}, Key, #claim{caller = {From, Timer}}, State) ->
    _ = erlang:cancel_timer(Timer),
    gen_server:reply(From, {error, duplicate_name}),
    State#state{claims = maps:remove(Key, State#state.claims)};
registered({error, {Code, Text}}, {Node, _} = Key, Claim, State) ->
    ?LOG_WARNING(
        "epmdns: ~ts is not registered: ~ts, ~0tp; asking again every ~b s",
        [printable(Node), Code, Text, ?REFUSED_MS div 1000]
    ),
    Timer = erlang:start_timer(?REFUSED_MS, self(), {refused, Key}),
    Refused = put_claim(Key, Claim#claim{status = {refused, Timer}}, State),
    answer(Key, Refused#state{is_reported = true});
registered(_, _, _, #state{session = {Pid, _}} = State) ->
    %% Silent for long, or nonsense. We hear of its end, and then look for an agent anew.
    exit(Pid, kill),
    State.

-spec connect(#state{}) -> #state{}.
connect(#state{claims = Claims} = State) when map_size(Claims) =:= 0 ->
    State;
connect(#state{claims = Claims} = State) ->
    case epmdns_session:start_monitor(epmdns_vm:owner()) of
        {ok, Session} ->
            Connecting = State#state{session = Session},
            lists:foldl(fun submit/2, Connecting, lists:sort(maps:keys(Claims)));
        {error, Reason} ->
            session_ended(Reason, State)
    end.

-spec submit(key(), #state{}) -> #state{}.
submit(Key, #state{session = {Pid, _}, claims = Claims, creation = Creation} = State) ->
    #claim{fields = Fields, revision = Revision} = maps:get(Key, Claims),
    Request =
        case Revision of
            none -> Fields#{creation => Creation};
            _ -> Fields#{creation => Creation, revision => Revision}
        end,
    ok = epmdns_session:request(Pid, Key, register, Request, ?ANSWER_MS),
    State.

-spec session_ended(term(), #state{}) -> #state{}.
session_ended(Reason, #state{claims = Claims, backoff_ms = BackoffMs} = State) ->
    %% Jitter, lest all VMs of a machine come at the same instant when its agent is back.
    DelayMs = BackoffMs div 2 + rand:uniform(BackoffMs div 2),
    Away = State#state{
        session = none,
        reconnect = erlang:start_timer(DelayMs, self(), reconnect),
        claims = maps:map(fun(_, Claim) -> Claim#claim{status = pending} end, Claims),
        backoff_ms = min(2 * BackoffMs, ?BACKOFF_MAX_MS)
    },
    IsAwaited = [x || #claim{caller = {_, _}} <- maps:values(Claims)] =/= [],
    %% A restart of the agent is over before it is worth a line.
    case IsAwaited orelse BackoffMs =:= ?BACKOFF_MAX_MS of
        true -> report_away(Reason, answer_all(Away));
        false -> Away
    end.

-spec answer_all(#state{}) -> #state{}.
answer_all(#state{claims = Claims} = State) ->
    lists:foldl(fun answer/2, State, maps:keys(Claims)).

%% Let the one who waits for this claim, if any, go on: with or without an agent, the node boots.
-spec answer(key(), #state{}) -> #state{}.
answer(Key, #state{claims = Claims, creation = Creation} = State) ->
    case maps:get(Key, Claims) of
        #claim{caller = none} ->
            State;
        #claim{caller = {From, Timer}} = Claim ->
            _ = erlang:cancel_timer(Timer),
            gen_server:reply(From, {ok, Creation}),
            start_epmd(put_claim(Key, Claim#claim{caller = none}, State))
    end.

%% A node that goes on its way is registered with epmd, too, if that is wanted. epmd knows one port
%% of a name, so the first family counts.
-spec start_epmd(#state{}) -> #state{}.
start_epmd(#state{epmd = none, claims = Claims} = State) when map_size(Claims) > 0 ->
    case epmdns_config:value(epmd) of
        true ->
            [#claim{fields = #{node := Node, port := Port, carrier := Carrier}} | _] =
                [maps:get(Key, Claims) || Key <- lists:sort(maps:keys(Claims))],
            [Name, _] = binary:split(Node, <<"@">>),
            Family = epmdns_proto:carrier_family(Carrier),
            case epmdns_epmd:start_monitor(binary_to_list(Name), Family, Port) of
                {ok, Epmd} -> State#state{epmd = Epmd};
                {error, _} -> epmd_later(State)
            end;
        false ->
            State
    end;
start_epmd(State) ->
    State.

-spec epmd_later(#state{}) -> #state{}.
epmd_later(State) ->
    State#state{epmd = erlang:start_timer(?EPMD_AGAIN_MS, self(), epmd)}.

-spec stop_epmd(#state{}) -> #state{}.
stop_epmd(#state{epmd = {Pid, Monitor}} = State) ->
    erlang:demonitor(Monitor, [flush]),
    epmdns_epmd:stop(Pid),
    State#state{epmd = none};
stop_epmd(State) ->
    State#state{epmd = none}.

-spec put_claim(key(), #claim{}, #state{}) -> #state{}.
put_claim(Key, Claim, #state{claims = Claims} = State) ->
    State#state{claims = Claims#{Key => Claim}}.

-spec report_away(term(), #state{}) -> #state{}.
report_away(_, #state{is_reported = true} = State) ->
    State;
report_away({shutdown, Reason}, State) ->
    report_away(Reason, State);
report_away(Reason, #state{claims = Claims} = State) ->
    Nodes = lists:join(", ", lists:usort([printable(Node) || {Node, _} <- maps:keys(Claims)])),
    ?LOG_WARNING(
        "epmdns: no agent (~0tp): ~ts runs unregistered until there is one", [Reason, Nodes]
    ),
    State#state{is_reported = true}.

-spec report_held(key(), #state{}) -> #state{}.
report_held({Node, _}, #state{is_reported = true} = State) ->
    ?LOG_NOTICE("epmdns: ~ts is registered now", [printable(Node)]),
    State#state{is_reported = false};
report_held(_, State) ->
    State.

%% Names travel in latin-1, whose bytes are code points.
-spec printable(binary()) -> string().
printable(Node) -> binary_to_list(Node).

%% The agent has let go of every name when this returns, if it answers at all; to one that does not,
%% the end of the session says the same.
-spec unregister_all(#state{}) -> #state{}.
unregister_all(State) ->
    stop_epmd(end_session(State)).

-spec end_session(#state{}) -> #state{}.
end_session(#state{session = {Pid, Monitor}, claims = Claims} = State) ->
    erlang:demonitor(Monitor, [flush]),
    Held = lists:usort([Node || {{Node, _}, #claim{status = held}} <- maps:to_list(Claims)]),
    _ = lists:takewhile(fun(Node) -> unregister(Pid, Node) end, Held),
    epmdns_session:stop(Pid),
    Released = answer_all(State),
    Released#state{session = none, claims = #{}};
end_session(State) ->
    State#state{claims = #{}}.

-spec unregister(pid(), binary()) -> boolean().
unregister(Session, Node) ->
    Terms = {?UNREGISTER_MS, patient},
    case epmdns_session:call(Session, unregister, #{node => Node}, Terms) of
        {ok, _} -> true;
        {error, {_, _}} -> true;
        {error, _} -> false
    end.
