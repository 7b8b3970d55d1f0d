%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% A scripted agent: listens on a Unix socket, records what it is asked, and answers by a script.
%%
%% A script maps the number of a connection (from 1), a request {Op, Id, Fields} and what was seen
%% before it (latest first) to what is done, in order: {Op, Id, Fields} is sent as a frame,
%% {raw, Bytes} as it is, close closes, and {later, Ms, Action} is done later.
-module(epmdns_fake).
-behaviour(gen_server).

-export([start/1, start/2, stop/1, script/2, seen/1, await/2, drop/1, tell/3, connections/1]).
-export([silent/3, agent/1, registry/3, refusing/1, answering/1, cut/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% connections: #{Socket => {Number, Bytes of a request that is not complete}}
-record(state, {listen, script, connections = #{}, next = 1, seen = [], waiting = none}).

-define(AWAIT_MS, 10000).

start(Path) ->
    start(Path, agent(#{})).

start(Path, Script) ->
    {ok, Pid} = gen_server:start(?MODULE, {Path, Script}, []),
    Pid.

stop(Pid) ->
    gen_server:stop(Pid).

script(Pid, Script) ->
    gen_server:call(Pid, {script, Script}).

%% What happened so far: {Connection, Op, Fields} and {Connection, closed}.
seen(Pid) ->
    gen_server:call(Pid, seen).

%% Wait until Fun of what was seen is not false; its value.
await(Pid, Fun) ->
    gen_server:call(Pid, {await, Fun}, ?AWAIT_MS).

%% Close all connections; more are accepted.
drop(Pid) ->
    gen_server:call(Pid, drop).

%% Do something without being asked.
tell(Pid, Connection, Action) ->
    gen_server:call(Pid, {tell, Connection, Action}).

connections(Pid) ->
    gen_server:call(Pid, connections).

%% A script that answers nothing.
silent(_, _, _) ->
    [].

%% A script that answers like an agent that knows these nodes: #{Node => {Ip, Port}}.
agent(Nodes) ->
    fun(_, {Op, Id, Fields}, _) -> agent(Op, Id, Fields, Nodes) end.

agent(hello, Id, _, _) ->
    [{welcome, Id, #{version => 1}}];
agent(register, Id, #{creation := Creation} = Fields, _) ->
    Revision = maps:get(revision, Fields, 0) + 1,
    [{registered, Id, #{creation => Creation, revision => Revision}}];
agent(lookup, Id, #{node := Node, family := Family}, Nodes) ->
    found(Id, Family, maps:get(Node, Nodes, none));
agent(names, Id, _, Nodes) ->
    Items = [#{node => Node, port => Port} || {Node, {_, Port}} <- maps:to_list(Nodes)],
    [{item, Id, Item} || Item <- Items] ++ [{done, Id, #{}}];
agent(_, Id, _, _) ->
    [{done, Id, #{}}].

found(Id, Family, {Ip, Port}) when (Family =:= 4) =:= (tuple_size(Ip) =:= 4) ->
    Address = epmdns_proto:address(Ip),
    [{found, Id, #{address => [Address], port => Port, dist_high => 6, dist_low => 5}}];
found(Id, _, _) ->
    [{error, Id, #{code => 9, text => <<"no such node">>}}].

%% A script that answers like an agent to which nodes register, all on the loopback.
registry(_, {lookup, Id, #{node := Node, family := Family}}, Seen) ->
    {Loopback, Carriers} =
        case Family of
            4 -> {{127, 0, 0, 1}, [1, 3]};
            6 -> {{0, 0, 0, 0, 0, 0, 0, 1}, [2, 4]}
        end,
    Registered = [
        {Loopback, Port}
     || {_, register, #{node := N, port := Port, carrier := Carrier}} <- Seen,
        N =:= Node,
        lists:member(Carrier, Carriers)
    ],
    found(Id, Family, hd(Registered ++ [none]));
registry(_, {Op, Id, Fields}, _) ->
    agent(Op, Id, Fields, #{}).

%% A script that refuses to register, for this reason.
refusing(Code) ->
    fun
        (_, {register, Id, _}, _) -> [{error, Id, #{code => Code, text => <<"refused">>}}];
        (_, {Op, Id, Fields}, _) -> agent(Op, Id, Fields, #{})
    end.

%% A script that answers everything but hello like this.
answering(Answer) ->
    fun
        (_, {hello, Id, _}, _) -> [{welcome, Id, #{version => 1}}];
        (_, {_, Id, _}, _) -> [Answer(Id)]
    end.

%% Of an agent's answers, the first Cut bytes, and then the end of the connection.
cut(Cut) ->
    Answer = agent(#{<<"a@b">> => {{127, 0, 0, 1}, 4711}}),
    fun(Number, {Op, _, _} = Request, Seen) ->
        Before = iolist_size([answer_bytes(Answer(Number, {hello, 1, #{}}, [])) || Op =/= hello]),
        Bytes = answer_bytes(Answer(Number, Request, Seen)),
        case Cut - Before of
            %% The connection is closed already.
            Left when Left < 0 -> [];
            Left when Left < byte_size(Bytes) -> [{raw, binary:part(Bytes, 0, Left)}, close];
            _ -> [{raw, Bytes}]
        end
    end.

answer_bytes(Answers) ->
    << <<(frame(Op, Id, Fields))/binary>> || {Op, Id, Fields} <- Answers >>.

frame(Op, Id, Fields) ->
    Body = epmdns_proto:encode(Op, Id, Fields),
    <<(byte_size(Body)):16, Body/binary>>.

init({Path, Script}) ->
    _ = file:delete(Path),
    ok = filelib:ensure_dir(Path),
    Options = [binary, {active, false}, {backlog, 128}],
    {ok, Listen} = gen_tcp:listen(0, [{ifaddr, {local, Path}} | Options]),
    Self = self(),
    _ = spawn_link(fun() -> accept(Self, Listen) end),
    {ok, #state{listen = Listen, script = Script}}.

accept(Server, Listen) ->
    case gen_tcp:accept(Listen) of
        {ok, Socket} ->
            ok = gen_tcp:controlling_process(Socket, Server),
            Server ! {accepted, Socket},
            accept(Server, Listen);
        {error, closed} ->
            ok
    end.

handle_call({script, Script}, _, State) ->
    {reply, ok, State#state{script = Script}};
handle_call(seen, _, State) ->
    {reply, lists:reverse(State#state.seen), State};
handle_call({await, Fun}, From, State) ->
    {noreply, check(State#state{waiting = {From, Fun}})};
handle_call(drop, _, State) ->
    [gen_tcp:close(Socket) || Socket <- maps:keys(State#state.connections)],
    {reply, ok, State#state{connections = #{}}};
handle_call(connections, _, State) ->
    {reply, maps:size(State#state.connections), State};
handle_call({tell, Number, Action}, _, State) ->
    Connections = maps:to_list(State#state.connections),
    [act(Action, Socket) || {Socket, {N, _}} <- Connections, N =:= Number],
    {reply, ok, State}.

handle_cast(_, State) ->
    {noreply, State}.

handle_info({accepted, Socket}, #state{connections = Connections, next = Number} = State) ->
    _ = inet:setopts(Socket, [{active, true}]),
    New = Connections#{Socket => {Number, <<>>}},
    {noreply, State#state{connections = New, next = Number + 1}};
handle_info({tcp, Socket, Bytes}, #state{connections = Connections} = State) ->
    case Connections of
        #{Socket := {Number, Begun}} ->
            {Rest, Done} = requests(<<Begun/binary, Bytes/binary>>, Socket, Number, State),
            {noreply, Done#state{connections = Connections#{Socket := {Number, Rest}}}};
        _ ->
            {noreply, State}
    end;
handle_info({tcp_closed, Socket}, #state{connections = Connections} = State) ->
    {Number, _} = maps:get(Socket, Connections, {gone, <<>>}),
    {noreply, see({Number, closed}, State#state{connections = maps:remove(Socket, Connections)})};
handle_info({later, Socket, Action}, State) ->
    act(Action, Socket),
    {noreply, State};
handle_info(_, State) ->
    {noreply, State}.

requests(<<Length:16, Body:Length/binary, Rest/binary>>, Socket, Number, State) ->
    {ok, {Op, _, Fields} = Request} = epmdns_proto:decode(Body),
    Actions = (State#state.script)(Number, Request, State#state.seen),
    [act(Action, Socket) || Action <- Actions],
    requests(Rest, Socket, Number, see({Number, Op, Fields}, State));
requests(Rest, _, _, State) ->
    {Rest, State}.

act({later, Ms, Action}, Socket) ->
    erlang:send_after(Ms, self(), {later, Socket, Action});
act({raw, Bytes}, Socket) ->
    gen_tcp:send(Socket, Bytes);
act(close, Socket) ->
    gen_tcp:shutdown(Socket, write);
act({Op, Id, Fields}, Socket) ->
    gen_tcp:send(Socket, frame(Op, Id, Fields)).

see(Event, #state{seen = Seen} = State) ->
    check(State#state{seen = [Event | Seen]}).

check(#state{waiting = {From, Fun}, seen = Seen} = State) ->
    case Fun(lists:reverse(Seen)) of
        false ->
            State;
        Value ->
            gen_server:reply(From, Value),
            State#state{waiting = none}
    end;
check(State) ->
    State.
