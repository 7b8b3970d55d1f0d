%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% What the VMs of the boot tests do, each in a VM of its own (epmdns_testvm:inside/2).
-module(epmdns_inside).

-export([halt_at_eof/0]).
-export([say/1, apply/3, apply_all/1, halt_after_saying/1]).
-export([connect_all/1, stop_start/2, restart_once/0, outlive/0]).

-define(CONNECTS, 20).

halt_at_eof() ->
    spawn(fun() ->
        eof = io:get_line(""),
        halt()
    end).

say(Term) ->
    io:format("said: ~0p.~n", [Term]).

apply(Module, Function, Args) ->
    say(erlang:apply(Module, Function, Args)).

apply_all(Calls) ->
    say([erlang:apply(Module, Function, Args) || {Module, Function, Args} <- Calls]).

halt_after_saying(Calls) ->
    apply_all(Calls),
    halt().

%% Connect to many nodes at once: the answers, and how long net_kernel took to answer 50 calls.
connect_all(Host) ->
    Self = self(),
    Nodes = [list_to_atom(lists:concat([x, N, "@", Host])) || N <- lists:seq(1, ?CONNECTS)],
    Connect = fun(Node) -> Self ! {Node, net_kernel:connect_node(Node)} end,
    _ = [spawn_opt(fun() -> Connect(Node) end, [{priority, high}]) || Node <- Nodes],
    {Us, _} = timer:tc(fun() -> [net_kernel:longnames() || _ <- lists:seq(1, 50)] end),
    Answers = [
        receive
            {Node, Answer} -> Answer
        end
     || Node <- Nodes
    ],
    say({lists:usort(Answers), Us div 1000}).

%% The creations that a node gets when it is started and stopped so many times.
stop_start(Node, Times) ->
    Creations = [
        begin
            {ok, _} = net_kernel:start([Node, longnames]),
            Creation = erlang:system_info(creation),
            ok = net_kernel:stop(),
            Creation
        end
     || _ <- lists:seq(1, Times)
    ],
    say(length(lists:usort(Creations))).

restart_once() ->
    case os:getenv("EPMDNS_TEST_RESTARTED") of
        false ->
            true = os:putenv("EPMDNS_TEST_RESTARTED", "yes"),
            init:restart();
        _ ->
            say(restarted)
    end.

%% Load all code twice, and kill every session a few times.
outlive() ->
    {error, _} = epmdns:address_please("x", "b.home", inet),
    ok = application:load(epmdns),
    {ok, Modules} = application:get_key(epmdns, modules),
    _ = [{module, Module} = load(Module) || _ <- [1, 2], Module <- Modules],
    _ = [kill(session()) || _ <- [1, 2, 3]],
    kill(whereis(epmdns_lookup)),
    say({net_adm:ping('x@b.home'), node()}).

load(Module) ->
    _ = code:purge(Module),
    code:load_file(Module).

kill(Pid) ->
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

%% The session of the guard, as soon as it has one.
session() ->
    case [Pid || Pid <- processes(), is_session(Pid), Pid =/= whereis(epmdns_lookup)] of
        [Pid | _] ->
            Pid;
        [] ->
            erlang:yield(),
            session()
    end.

is_session(Pid) ->
    case process_info(Pid, dictionary) of
        {dictionary, Dictionary} ->
            proplists:get_value('$initial_call', Dictionary) =:= {epmdns_session, init, 1};
        undefined ->
            false
    end.
