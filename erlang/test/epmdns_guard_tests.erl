%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

-module(epmdns_guard_tests).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testlib, [until/1, until_logged/1, logged/0, timed/1]).

-define(MODULES, [
    epmdns,
    epmdns_config,
    epmdns_guard,
    epmdns_lookup,
    epmdns_proto,
    epmdns_session,
    epmdns_vm
]).

guard_test_() ->
    epmdns_testlib:cases([
        {"a node is registered with all that it says", fun registers/1},
        {"what is configured is registered too", fun configured/1},
        {"the agent's creation is the node's", fun creation/1},
        {"repeating a registration asks nobody", fun idempotent/1},
        {"other data is a new revision", fun changed/1},
        {"a second family has the same creation", fun second_family/1},
        {"a name that is taken is refused", fun duplicate/1},
        {"without an agent the node boots at once and registers later", fun absent/1},
        {"with a silent agent the node boots in half a second", fun silent/1},
        {"with garbage for an agent the node boots", fun garbage/1},
        {"an agent that is full refuses, and the node boots", fun full/1},
        {"after a restart of the agent creation and revision are kept", fun reconnect/1},
        {"a name taken meanwhile does not stop the node", fun taken_meanwhile/1},
        {"the guard survives its session", fun session_killed/1},
        {"the guard survives what nobody sends", fun nonsense/1},
        {"the end of the guard unregisters before it returns", fun unregisters/1},
        {"the end of the guard does not wait for a silent agent", fun silent_end/1},
        {"stop/0 gives up the names and keeps the process", fun stop/1},
        {"start and stop, 50 times", fun many_times/1},
        {"all code loaded twice", fun loaded_twice/1},
        {"without a guard a node still gets a creation", fun no_guard/1}
    ]).

registers(Path) ->
    Fake = epmdns_fake:start(Path),
    start(),
    {ok, 0} = epmdns:listen_port_please(a1, "b.home"),
    {ok, Creation} = epmdns:register_node(a1, 4711, inet_tcp),
    ?assert(Creation >= 4 andalso Creation < 1 bsl 32),
    [{1, hello, Hello}, {1, register, Fields}] = epmdns_fake:seen(Fake),
    ?assertMatch(#{version := 1, owner := <<_:16/binary>>}, Hello),
    ?assertEqual(
        #{
            node => <<"a1@b.home">>,
            port => 4711,
            carrier => 1,
            dist_high => 6,
            dist_low => dist_low(),
            creation => Creation
        },
        Fields
    ),
    ?assertEqual([], logged()),
    epmdns_fake:stop(Fake).

configured(Path) ->
    Fake = epmdns_fake:start(Path),
    ok = application:set_env(epmdns, cluster, "kitchen"),
    ok = application:set_env(epmdns, tags, "role=web,zone=1"),
    ok = application:set_env(kernel, inet_dist_use_interface, {192, 168, 1, 17}),
    start(),
    {ok, _} = register_a1(),
    {ok, _} = epmdns:register_node(a1, 4712, inet6),
    ok = application:unset_env(epmdns, cluster),
    ok = application:unset_env(epmdns, tags),
    ok = application:unset_env(kernel, inet_dist_use_interface),
    [_, {_, _, Inet}, {_, _, Inet6}] = epmdns_fake:seen(Fake),
    ?assertMatch(
        #{
            cluster := <<"kitchen">>,
            tag := [<<"role=web">>, <<"zone=1">>],
            bound := <<192, 168, 1, 17>>,
            carrier := 1
        },
        Inet
    ),
    ?assertMatch(#{carrier := 2, port := 4712} when not is_map_key(bound, Inet6), Inet6),
    epmdns_fake:stop(Fake).

creation(Path) ->
    Fake = epmdns_fake:start(Path, fun
        (_, {register, Id, _}, _) -> [{registered, Id, #{creation => 77777, revision => 5}}];
        (_, {_, Id, _}, _) -> [{welcome, Id, #{version => 1}}]
    end),
    start(),
    ?assertEqual({ok, 77777}, register_a1()),
    ?assertEqual({ok, 77777}, epmdns:register_node("a1", 4711)),
    epmdns_fake:drop(Fake),
    Again = registration(Fake, 2),
    ?assertMatch(#{creation := 77777, revision := 5}, Again),
    epmdns_fake:stop(Fake).

idempotent(Path) ->
    Fake = epmdns_fake:start(Path),
    start(),
    {ok, Creation} = register_a1(),
    [?assertEqual({ok, Creation}, epmdns:register_node(Name, 4711)) || Name <- [a1, "a1"]],
    ?assertEqual({ok, Creation}, epmdns:register_node("a1", 4711, inet)),
    %% Other programs know no family, and maybe an outdated port.
    ?assertEqual({ok, Creation}, epmdns:register_node(a1, 1)),
    ?assertEqual(2, length(epmdns_fake:seen(Fake))),
    ?assertEqual({port, 4711, 6}, epmdns:port_please(a1, "b.home")),
    ?assertEqual({port, 4711, 6}, epmdns:port_please("a1", 'b.home', 10)),
    epmdns_fake:stop(Fake).

changed(Path) ->
    Fake = epmdns_fake:start(Path),
    start(),
    {ok, Creation} = register_a1(),
    ?assertEqual({ok, Creation}, epmdns:register_node(a1, 4712, inet_tcp)),
    Changed = registration(Fake, 2),
    ?assertMatch(#{port := 4712, creation := Creation, revision := 1}, Changed),
    epmdns_fake:stop(Fake).

second_family(Path) ->
    Fake = epmdns_fake:start(Path),
    start(),
    {ok, Creation} = register_a1(),
    ?assertEqual({ok, Creation}, epmdns:register_node(a1, 4712, inet6_tcp)),
    ?assertMatch(
        [_, {1, register, #{carrier := 1}}, {1, register, #{carrier := 2, creation := Creation}}],
        epmdns_fake:seen(Fake)
    ),
    epmdns_fake:stop(Fake).

duplicate(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:refusing(7)),
    start(),
    ?assertEqual({error, duplicate_name}, register_a1()),
    ?assertEqual([], epmdns_guard:claims()),
    epmdns_fake:script(Fake, epmdns_fake:agent(#{})),
    ?assertMatch({ok, _}, register_a1()),
    epmdns_fake:stop(Fake).

absent(Path) ->
    start(),
    {Ms, {ok, Creation}} = timed(fun register_a1/0),
    ?assert(Ms < 300),
    ?assertEqual({ok, Creation}, epmdns:register_node(a1, 4712, inet6_tcp)),
    ?assertMatch(["epmdns: no agent ({enoent," ++ _], until_logged(1)),
    ?assertEqual({port, 4711, 6}, epmdns:port_please(a1, "b.home")),
    Fake = epmdns_fake:start(Path),
    ?assertMatch(#{creation := Creation, carrier := 1}, registration(Fake, 1)),
    ?assertMatch([_, "epmdns: a1@b.home is registered now"], until_logged(2)),
    epmdns_fake:stop(Fake).

silent(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:silent/3),
    start(),
    {Ms, {ok, Creation}} = timed(fun register_a1/0),
    ?assert(Ms =< 500),
    %% Whoever cannot wait for the guard gets the same, not one of his own.
    ?assertEqual(Creation, epmdns_vm:creation()),
    %% It is logged when the node no longer waits.
    ?assertMatch(["epmdns: no agent (no_answer)" ++ _], until_logged(1)),
    %% It comes to itself and answers what it was asked; nobody waits for that any more.
    ok = epmdns_fake:tell(Fake, 1, {welcome, 1, #{version => 1}}),
    ok = epmdns_fake:tell(Fake, 1, {registered, 2, #{creation => 4, revision => 9}}),
    ?assertMatch([_, "epmdns: a1@b.home is registered now"], until_logged(2)),
    ?assertEqual({ok, Creation}, register_a1()),
    ?assertEqual({messages, []}, process_info(self(), messages)),
    epmdns_fake:stop(Fake).

garbage(Path) ->
    Fake = epmdns_fake:start(Path, fun(_, _, _) -> [{raw, <<"SSH-2.0-OpenSSH_9.2\r\n">>}] end),
    start(),
    {Ms, {ok, Creation}} = timed(fun register_a1/0),
    ?assert(Ms =< 500),
    %% It goes on trying.
    Session = fun(N) -> epmdns_fake:await(Fake, fun(Seen) -> lists:keymember(N, 1, Seen) end) end,
    true = Session(2),
    epmdns_fake:script(Fake, epmdns_fake:agent(#{})),
    ?assertMatch([_, "epmdns: a1@b.home is registered now"], until_logged(2)),
    ?assertEqual({ok, Creation}, register_a1()),
    epmdns_fake:stop(Fake).

full(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:refusing(11)),
    start(),
    ?assertMatch({ok, _}, register_a1()),
    ?assertMatch(["epmdns: a1@b.home is not registered: limit" ++ _], logged()),
    epmdns_fake:stop(Fake).

reconnect(Path) ->
    Fake = epmdns_fake:start(Path),
    start(),
    {ok, Creation} = register_a1(),
    epmdns_fake:drop(Fake),
    ?assertMatch(#{creation := Creation, revision := 1}, registration(Fake, 2)),
    until(fun() -> [held] =:= [Status || {_, Status} <- statuses()] end),
    epmdns_fake:stop(Fake),
    Next = epmdns_fake:start(Path),
    ?assertMatch(#{creation := Creation, revision := 2}, registration(Next, 1)),
    %% Who the node is has not changed either.
    [{_, hello, #{owner := Owner}} | _] = epmdns_fake:seen(Next),
    ?assertEqual(Owner, epmdns_vm:owner()),
    %% A quick restart is nothing to log.
    ?assertEqual([], logged()),
    epmdns_fake:stop(Next).

taken_meanwhile(Path) ->
    Fake = epmdns_fake:start(Path),
    start(),
    {ok, Creation} = register_a1(),
    epmdns_fake:script(Fake, epmdns_fake:refusing(7)),
    epmdns_fake:drop(Fake),
    [Line] = until_logged(1),
    ?assertMatch("epmdns: a1@b.home is not registered: duplicate_name" ++ _, Line),
    ?assertEqual({ok, Creation}, register_a1()),
    %% The timer of 30 s, without waiting for it.
    epmdns_fake:script(Fake, epmdns_fake:agent(#{})),
    [{_, {refused, Timer}}] = statuses(),
    whereis(epmdns_guard) ! {timeout, Timer, {refused, {<<"a1@b.home">>, 1}}},
    ?assertMatch([_, "epmdns: a1@b.home is registered now"], until_logged(2)),
    ?assertMatch([{_, held}], statuses()),
    epmdns_fake:stop(Fake).

session_killed(Path) ->
    Fake = epmdns_fake:start(Path),
    Guard = start(),
    {ok, Creation} = register_a1(),
    [
        begin
            exit(session(), kill),
            ?assertMatch(#{creation := Creation, revision := N}, registration(Fake, N + 1)),
            until(fun() -> [held] =:= [Status || {_, Status} <- statuses()] end)
        end
     || N <- lists:seq(1, 5)
    ],
    ?assertEqual(Guard, whereis(epmdns_guard)),
    epmdns_fake:stop(Fake).

nonsense(Path) ->
    Fake = epmdns_fake:start(Path),
    Guard = start(),
    {ok, Creation} = register_a1(),
    [
        Guard ! Message
     || Message <- [
            nonsense,
            {tcp, self(), <<>>},
            {timeout, make_ref(), reconnect},
            {timeout, make_ref(), {patience, x}},
            {timeout, make_ref(), {refused, x}},
            {epmdns_session, session(), x, x},
            {'DOWN', make_ref(), process, self(), x},
            {'EXIT', spawn(fun() -> ok end), normal}
        ]
    ],
    gen_server:cast(Guard, nonsense),
    ?assertEqual({error, badarg}, gen_server:call(Guard, nonsense)),
    %% Things that the code cannot say or do, and answers all the same.
    ?assertMatch({ok, _}, epmdns:register_node(a1, 0, inet_tcp)),
    ?assertMatch({ok, _}, epmdns:register_node(a1, nonsense, inet_tcp)),
    ?assertEqual({ok, Creation}, epmdns:register_node([16#20ac], 4711, inet_tcp)),
    ?assertMatch({ok, _}, epmdns:register_node(lists:duplicate(256, $a), 4711, inet_tcp)),
    ?assertEqual({ok, Creation}, register_a1()),
    ?assertEqual(Guard, whereis(epmdns_guard)),
    epmdns_fake:stop(Fake).

unregisters(Path) ->
    Fake = epmdns_fake:start(Path),
    Guard = start(),
    {ok, _} = register_a1(),
    {ok, _} = epmdns:register_node(a1, 4712, inet6),
    unlink(Guard),
    ok = gen_server:stop(Guard, shutdown, 2000),
    [_, _, _, {1, unregister, #{node := <<"a1@b.home">>}} | _] = epmdns_fake:seen(Fake),
    epmdns_fake:await(Fake, fun(Seen) -> lists:member({1, closed}, Seen) end),
    ?assertEqual(5, length(epmdns_fake:seen(Fake))),
    epmdns_fake:stop(Fake).

silent_end(Path) ->
    Fake = epmdns_fake:start(Path),
    Guard = start(),
    {ok, _} = register_a1(),
    {error, not_found} = epmdns_lookup:node(<<"c@d">>, inet, patient),
    epmdns_fake:script(Fake, fun epmdns_fake:silent/3),
    unlink(Guard),
    {Ms, ok} = timed(fun() -> gen_server:stop(Guard, shutdown, 2000) end),
    ?assert(Ms < 500),
    ?assertEqual(undefined, whereis(epmdns_lookup)),
    until(fun() -> epmdns_fake:connections(Fake) =:= 0 end),
    epmdns_fake:stop(Fake).

stop(Path) ->
    Fake = epmdns_fake:start(Path),
    Guard = start(),
    {ok, Creation} = register_a1(),
    ok = epmdns:stop(),
    ?assertMatch([_, _, {1, unregister, _} | _], epmdns_fake:seen(Fake)),
    ?assertEqual(Guard, whereis(epmdns_guard)),
    ?assertEqual({ok, Creation}, register_a1()),
    epmdns_fake:stop(Fake).

many_times(Path) ->
    Fake = epmdns_fake:start(Path),
    Creations = [
        begin
            Guard = start(),
            {ok, Creation} = register_a1(),
            unlink(Guard),
            ok = gen_server:stop(Guard, shutdown, 2000),
            Creation
        end
     || _ <- lists:seq(1, 50)
    ],
    %% Every life of a node has its own.
    ?assertEqual(50, length(lists:usort(Creations))),
    ?assertEqual(50, length([unregister || {_, unregister, _} <- epmdns_fake:seen(Fake)])),
    until(fun() -> epmdns_fake:connections(Fake) =:= 0 end),
    ?assertEqual([], logged()),
    epmdns_fake:stop(Fake).

loaded_twice(Path) ->
    Fake = epmdns_fake:start(Path),
    Guard = start(),
    {ok, _} = register_a1(),
    {error, not_found} = epmdns_lookup:node(<<"c@d">>, inet, patient),
    Before = {Guard, session(), whereis(epmdns_lookup)},
    _ = [load_again(Module) || _ <- [1, 2], Module <- ?MODULES],
    ?assertEqual({error, not_found}, epmdns_lookup:node(<<"c@d">>, inet, patient)),
    ?assertEqual(Before, {whereis(epmdns_guard), session(), whereis(epmdns_lookup)}),
    ?assertEqual(1, length([register || {_, register, _} <- epmdns_fake:seen(Fake)])),
    epmdns_fake:stop(Fake).

load_again(Module) ->
    _ = code:purge(Module),
    {module, Module} = code:load_file(Module).

no_guard(_) ->
    ?assertMatch({ok, Creation} when Creation >= 4, epmdns:register_node(a1, 4711, inet)),
    ?assertEqual({ok, 0}, epmdns:listen_port_please(a1, "b")),
    ?assertEqual(noport, epmdns:port_please(a1, "b")),
    ?assertEqual(ok, epmdns:stop()).

start() ->
    {ok, Guard} = epmdns:start_link(),
    Guard.

register_a1() ->
    {ok, 0} = epmdns:listen_port_please(a1, "b.home"),
    epmdns:register_node(a1, 4711, inet_tcp).

%% What the Nth registration said.
registration(Fake, N) ->
    epmdns_fake:await(Fake, fun(Seen) ->
        case [Fields || {_, register, Fields} <- Seen] of
            Registrations when length(Registrations) >= N -> lists:nth(N, Registrations);
            _ -> false
        end
    end).

%% Looks into the guard: where nothing outside tells.
statuses() ->
    Claims = element(4, sys:get_state(epmdns_guard)),
    [{Key, element(4, Claim)} || {Key, Claim} <- maps:to_list(Claims)].

session() ->
    {Pid, _} = element(5, sys:get_state(epmdns_guard)),
    Pid.

dist_low() ->
    case epmdns_testlib:release() >= 25 of
        true -> 6;
        false -> 5
    end.
