%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc One connection to the agent: the process lives exactly as long as its socket.
%%
%% Requests of many processes are pipelined and matched to their answers by id. Deadlines are kept
%% here and not in the callers, so that a late answer is dropped here and never reaches a mailbox
%% that did not ask for it. The process is linked to nobody: whatever an agent sends, at most this
%% process ends, and whoever needs another one starts it.
-module(epmdns_session).
-behaviour(gen_server).

-export([start/1, start_monitor/1, start_monitor/2, stop/1, call/4, request/5]).
-export([init/1, handle_continue/2, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).
-export_type([answer/0, result/0, manner/0, terms/0]).

-type answer() ::
    {epmdns_proto:op(), epmdns_proto:fields(), Items :: [epmdns_proto:fields()]}.
-type result() ::
    {ok, answer()}
    | {error, {epmdns_proto:code(), Text :: binary()}}
    | {error, timeout | unavailable}.
-type manner() :: patient | impatient | {watch, Packed :: binary()}.
%% `impatient': at once or not at all. Neither asked while the agent owes an answer past its deadline,
%% nor made to stand in line.
%% `{watch, Packed}': when the node is found, and the calling process fails within the time that a
%% connect takes, send this hint.
-type terms() :: {TimeoutMs :: pos_integer(), manner()}.

%% net_kernel and the processes that set up connections wait for us at priority max.
-define(SPAWN, [{spawn_opt, [{priority, high}]}]).
%% What sends faster than we take it is told to wait by the kernel, and not kept in our mailbox.
-define(ACTIVE, 100).
-define(SEND_TIMEOUT_MS, 100).
%% Of the requests that may be unanswered, so many places are for the impatient alone.
-define(IMPATIENT, 8).
%% Callers wait this much longer than their request: the deadline is ours to keep.
-define(GRACE_MS, 100).
-define(STOP_MS, 100).
%% net_setuptime is 7 s, for the lookup and again for connect and handshake (inet_tcp_dist.erl,
%% do_setup_connect).
-define(SETUP_MS, 15000).

-type from() :: {pid(), term()}.

-record(request, {
    client :: {call, from()} | {message, pid(), Tag :: term()} | hello | nobody,
    op :: epmdns_proto:op(),
    packed :: binary(),
    timer = none :: none | reference(),
    manner = patient :: manner(),
    items = [] :: [epmdns_proto:fields()]
}).

-record(state, {
    owner :: binary() | none,
    socket = none :: none | inet:socket(),
    next_id = 1 :: epmdns_proto:id(),
    unanswered = #{} :: #{epmdns_proto:id() => #request{}},
    waiting = queue:new() :: queue:queue({epmdns_proto:id(), #request{}}),
    is_stalled = false :: boolean(),
    watched = #{} :: #{reference() => {Packed :: binary(), SinceMs :: integer()}}
}).

-type next() :: {noreply, #state{}} | {stop, {shutdown, term()}, #state{}}.

%% @doc Start a session under a name, for whoever asks. It connects by itself, and ends when it
%% cannot.
-spec start(atom()) -> {ok, pid()} | {error, term()}.
start(Name) ->
    started(fun() -> gen_server:start({local, Name}, ?MODULE, {none, default}, ?SPAWN) end).

%% @doc Start a session for the calling process, which gives the VM's owner token to the agent. The
%% monitor tells the caller why it ended.
-spec start_monitor(Owner :: binary()) -> {ok, {pid(), reference()}} | {error, term()}.
start_monitor(Owner) ->
    start_monitor(Owner, default).

%% @doc The same with an agent at one of these sockets; `none' is nobody in particular.
-spec start_monitor(Owner :: binary() | none, Paths :: [string()] | default) ->
    {ok, {pid(), reference()}} | {error, term()}.
start_monitor(Owner, Paths) ->
    started(fun() -> gen_server:start_monitor(?MODULE, {Owner, Paths}, ?SPAWN) end).

-spec started(fun(() -> Result)) -> Result | {error, term()}.
started(Start) ->
    try
        Start()
    catch
        error:system_limit -> {error, system_limit}
    end.

%% @doc End a session, in bounded time.
-spec stop(pid() | atom()) -> ok.
stop(Session) ->
    try
        gen_server:stop(Session, shutdown, ?STOP_MS)
    catch
        exit:timeout when is_pid(Session) ->
            exit(Session, kill),
            ok;
        exit:timeout ->
            stop(whereis(Session));
        exit:_ ->
            ok
    end.

%% @doc Ask, and wait for the answer.
-spec call(pid() | atom(), epmdns_proto:op(), epmdns_proto:fields(), terms()) -> result().
call(Session, Op, Fields, {TimeoutMs, Manner}) ->
    Request = {Op, epmdns_proto:pack(Fields), TimeoutMs, Manner},
    try
        gen_server:call(Session, Request, TimeoutMs + ?GRACE_MS)
    catch
        exit:{timeout, _} -> {error, timeout};
        exit:_ -> {error, unavailable}
    end.

%% @doc Ask, and get the answer as the message `{epmdns_session, Session, Tag, Result}'; there is
%% none if the session ends first.
-spec request(pid(), term(), epmdns_proto:op(), epmdns_proto:fields(), pos_integer()) -> ok.
request(Session, Tag, Op, Fields, TimeoutMs) ->
    gen_server:cast(Session, {self(), Tag, Op, epmdns_proto:pack(Fields), TimeoutMs}).

%% @private
-spec init({binary() | none, [string()] | default}) -> {ok, #state{}, {continue, term()}}.
init({Owner, Paths}) ->
    %% Whoever asks first starts us, and the end of that application must not be ours
    %% (application_master.erl ends all processes with its group leader).
    true = group_leader(whereis(init), self()),
    {ok, #state{owner = Owner}, {continue, {connect, Paths}}}.

%% @private
-spec handle_continue({connect, [string()] | default}, #state{}) -> next().
handle_continue({connect, default}, State) ->
    handle_continue({connect, epmdns_config:sockets()}, State);
handle_continue({connect, Paths}, State) ->
    case connect(Paths, no_socket) of
        {ok, Socket} ->
            %% Requests follow at once; the agent answers hello first.
            submit(hello(State), State#state{socket = Socket});
        {error, Reason} ->
            {stop, {shutdown, Reason}, State}
    end.

-spec connect([string()], term()) -> {ok, inet:socket()} | {error, term()}.
connect([Path | Paths], _) ->
    Options = [
        binary,
        {packet, 2},
        {packet_size, epmdns_proto:body_max()},
        {active, ?ACTIVE},
        {send_timeout, ?SEND_TIMEOUT_MS},
        {send_timeout_close, true}
    ],
    try gen_tcp:connect({local, Path}, 0, Options) of
        {ok, Socket} -> {ok, Socket};
        {error, Reason} -> connect(Paths, {Reason, Path})
    catch
        %% local_tcp.erl exits where it does not like an option.
        exit:Reason -> connect(Paths, {Reason, Path})
    end;
connect([], Reason) ->
    {error, Reason}.

-spec hello(#state{}) -> #request{}.
hello(#state{owner = Owner}) ->
    Always = #{version => epmdns_proto:version(), software => epmdns_vm:software()},
    Fields =
        case Owner of
            none -> Always;
            _ -> Always#{owner => Owner}
        end,
    #request{client = hello, op = hello, packed = epmdns_proto:pack(Fields)}.

%% @private
-spec handle_call(term(), from(), #state{}) -> next() | {reply, result(), #state{}}.
handle_call({_, _, _, impatient}, _, #state{is_stalled = true} = State) ->
    {reply, {error, timeout}, State};
handle_call({Op, Packed, TimeoutMs, impatient}, From, State) ->
    case has_place(impatient, State) of
        true ->
            Request = #request{client = {call, From}, op = Op, packed = Packed, manner = impatient},
            send_now(with_deadline(TimeoutMs, Request, State), State);
        false ->
            {reply, {error, timeout}, State}
    end;
handle_call({Op, Packed, TimeoutMs, Manner}, From, State) ->
    Request = #request{client = {call, From}, op = Op, packed = Packed, manner = Manner},
    submit(with_deadline(TimeoutMs, Request, State), State).

%% @private
-spec handle_cast(term(), #state{}) -> next().
handle_cast({Client, Tag, Op, Packed, TimeoutMs}, State) ->
    Request = #request{client = {message, Client, Tag}, op = Op, packed = Packed},
    submit(with_deadline(TimeoutMs, Request, State), State).

%% @private
-spec handle_info(term(), #state{}) -> next().
handle_info({tcp, Socket, Body}, #state{socket = Socket} = State) ->
    case epmdns_proto:decode(Body) of
        {ok, {Op, Id, Fields}} -> answered(Op, Id, Fields, State#state{is_stalled = false});
        {error, Reason, _, _, _} -> {stop, {shutdown, {not_an_agent, Reason}}, State}
    end;
handle_info({tcp_passive, Socket}, #state{socket = Socket} = State) ->
    case inet:setopts(Socket, [{active, ?ACTIVE}]) of
        ok -> {noreply, State};
        {error, Reason} -> {stop, {shutdown, Reason}, State}
    end;
handle_info({tcp_closed, Socket}, #state{socket = Socket} = State) ->
    {stop, {shutdown, closed}, State};
handle_info({tcp_error, Socket, Reason}, #state{socket = Socket} = State) ->
    {stop, {shutdown, Reason}, State};
handle_info({timeout, Timer, Id}, State) ->
    {noreply, expire(Id, Timer, State)};
handle_info({'DOWN', Monitor, process, _, Reason}, State) ->
    gone(Monitor, Reason, State);
handle_info(_, State) ->
    {noreply, State}.

%% @private
-spec terminate(term(), #state{}) -> ok.
terminate(_, #state{socket = none}) -> ok;
terminate(_, #state{socket = Socket}) -> gen_tcp:close(Socket).

-spec with_deadline(pos_integer(), #request{}, #state{}) -> #request{}.
with_deadline(TimeoutMs, Request, #state{next_id = Id}) ->
    Request#request{timer = erlang:start_timer(TimeoutMs, self(), Id)}.

-spec submit(#request{}, #state{}) -> next().
submit(Request, #state{next_id = Id, waiting = Waiting} = State) ->
    send_waiting(State#state{next_id = next(Id), waiting = queue:in({Id, Request}, Waiting)}).

%% Ahead of all that wait.
-spec send_now(#request{}, #state{}) -> next().
send_now(Request, #state{next_id = Id} = State) ->
    case send(Id, Request, State#state{next_id = next(Id)}) of
        {ok, Sent} -> {noreply, Sent};
        {error, Reason} -> {stop, {shutdown, Reason}, State}
    end.

%% 0 is the agent's, for a request whose id it could not read.
-spec next(epmdns_proto:id()) -> epmdns_proto:id().
next(16#FFFFFFFF) -> 1;
next(Id) -> Id + 1.

-spec send_waiting(#state{}) -> next().
send_waiting(#state{waiting = Waiting} = State) ->
    case has_place(patient, State) andalso queue:out(Waiting) of
        {{value, {Id, Request}}, Rest} ->
            case send(Id, Request, State) of
                {ok, Sent} -> send_waiting(Sent#state{waiting = Rest});
                {error, Reason} -> {stop, {shutdown, Reason}, State}
            end;
        _ ->
            {noreply, State}
    end.

%% The agent refuses more than so many unanswered requests of one session: the rest waits here.
-spec has_place(manner(), #state{}) -> boolean().
has_place(impatient, #state{unanswered = Unanswered}) ->
    map_size(Unanswered) < epmdns_proto:in_flight_max();
has_place(_, #state{unanswered = Unanswered}) ->
    map_size(Unanswered) < epmdns_proto:in_flight_max() - ?IMPATIENT.

-spec send(epmdns_proto:id(), #request{}, #state{}) -> {ok, #state{}} | {error, term()}.
send(Id, Request, #state{socket = Socket, unanswered = Unanswered} = State) ->
    #request{op = Op, packed = Packed} = Request,
    case gen_tcp:send(Socket, epmdns_proto:frame(Op, Id, Packed)) of
        ok -> {ok, State#state{unanswered = Unanswered#{Id => Request}}};
        {error, _} = Error -> Error
    end.

-spec answered(epmdns_proto:op(), epmdns_proto:id(), epmdns_proto:fields(), #state{}) -> next().
answered(item, Id, Fields, #state{unanswered = Unanswered} = State) ->
    case Unanswered of
        #{Id := #request{client = Client, items = Items} = Request} when Client =/= nobody ->
            More = Request#request{items = [Fields | Items]},
            {noreply, State#state{unanswered = Unanswered#{Id := More}}};
        _ ->
            {noreply, State}
    end;
answered(Op, Id, Fields, #state{unanswered = Unanswered} = State) ->
    case maps:take(Id, Unanswered) of
        {#request{client = hello}, Rest} when Op =:= welcome ->
            send_waiting(State#state{unanswered = Rest});
        {#request{client = hello}, _} ->
            {stop, {shutdown, {refused, result(Op, Fields, [])}}, State};
        {#request{client = Client, timer = Timer, items = Items} = Request, Rest} ->
            cancel(Timer),
            reply(Client, result(Op, Fields, lists:reverse(Items))),
            send_waiting(watch(Op, Request, State#state{unanswered = Rest}));
        error when Op =:= error ->
            %% To a request whose id the agent could not read: it closes the session.
            {stop, {shutdown, {refused, result(Op, Fields, [])}}, State};
        error ->
            {noreply, State}
    end.

-spec result(epmdns_proto:op(), epmdns_proto:fields(), [epmdns_proto:fields()]) -> result().
result(error, #{code := Code} = Fields, _) ->
    {error, {epmdns_proto:code(Code), maps:get(text, Fields, <<>>)}};
result(Op, Fields, Items) ->
    {ok, {Op, Fields, Items}}.

-spec reply(term(), result()) -> ok.
reply({call, From}, Result) ->
    _ = gen_server:reply(From, Result),
    ok;
reply({message, Client, Tag}, Result) ->
    Client ! {epmdns_session, self(), Tag, Result},
    ok;
reply(nobody, _) ->
    ok.

-spec cancel(none | reference()) -> ok.
cancel(none) -> ok;
cancel(Timer) -> erlang:cancel_timer(Timer, [{async, true}, {info, false}]).

%% A request that was sent stays unanswered, for the agent counts it; one still waiting is dropped.
-spec expire(epmdns_proto:id(), reference(), #state{}) -> #state{}.
expire(Id, Timer, #state{unanswered = Unanswered, waiting = Waiting} = State) ->
    case Unanswered of
        #{Id := #request{timer = Timer, client = Client} = Request} ->
            reply(Client, {error, timeout}),
            Expired = Request#request{client = nobody, timer = none, manner = patient, items = []},
            State#state{unanswered = Unanswered#{Id := Expired}, is_stalled = true};
        _ ->
            IsLate = fun({_, #request{timer = Kept}}) -> Kept =:= Timer end,
            {Late, Rest} = lists:partition(IsLate, queue:to_list(Waiting)),
            [reply(Client, {error, timeout}) || {_, #request{client = Client}} <- Late],
            State#state{waiting = queue:from_list(Rest)}
    end.

%% A process that was told where a node is and soon fails could most likely not connect to it, and
%% the agent should have a look. There is no timer: the time is compared when the process ends.
-spec watch(epmdns_proto:op(), #request{}, #state{}) -> #state{}.
watch(found, #request{client = {call, {Pid, _}}, manner = {watch, Packed}}, State) ->
    Watched = (State#state.watched)#{monitor(process, Pid) => {Packed, now_ms()}},
    State#state{watched = Watched};
watch(_, _, State) ->
    State.

-spec gone(reference(), term(), #state{}) -> next().
gone(Monitor, Reason, #state{watched = Watched} = State) ->
    case maps:take(Monitor, Watched) of
        {{Packed, SinceMs}, Rest} ->
            Left = State#state{watched = Rest},
            case Reason =/= normal andalso now_ms() - SinceMs < ?SETUP_MS of
                true -> submit(#request{client = nobody, op = hint, packed = Packed}, Left);
                false -> {noreply, Left}
            end;
        error ->
            {noreply, State}
    end.

-spec now_ms() -> integer().
now_ms() -> erlang:monotonic_time(millisecond).
