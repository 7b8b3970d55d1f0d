%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% What the VMs of the boot tests do, each in a VM of its own (epmdns_testvm:inside/2).
-module(epmdns_inside).

-export([halt_at_eof/0]).
-export([say/1, apply/3, apply_all/1, halt_after_saying/1]).
-export([connect_all/1, start_each/2, stop_start/2, start/2, restart_once/0]).
-export([outlive/0, outlive_epmd/0, kill/1]).
-export([ping_without/2, ask_as_both/2, start_with_crashes/1, ping_and_resolver/1]).

-define(CONNECTS, 50).

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

%% Start distribution so many times, each time until all is well: how long the start took, and what
%% was logged.
start_each(Node, Times) ->
    epmdns_testlib:collect_log(),
    say([
        begin
            Before = length(epmdns_testlib:logged()),
            {Us, {ok, _}} = timer:tc(fun() -> net_kernel:start([Node, longnames]) end),
            Lines = epmdns_testlib:until_logged(Before + 2),
            ok = net_kernel:stop(),
            {Us div 1000, lists:nthtail(Before, Lines)}
        end
     || _ <- lists:seq(1, Times)
    ]).

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

%% What epmdns:start/2 comes to, and which module OTP was told to call.
start(Name, Options) ->
    Result =
        case epmdns:start(Name, Options) of
            {ok, Pid} when is_pid(Pid) -> node();
            Error -> Error
        end,
    say({Result, application:get_env(kernel, epmd_module)}).

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

%% Kill what talks to epmd, first OTP's process and then ours.
outlive_epmd() ->
    kill(until_registered(erl_epmd)),
    kill(until_registered(erl_epmd)),
    {links, Links} = process_info(until_registered(erl_epmd), links),
    [kill(Pid) || Pid <- Links, is_pid(Pid)],
    _ = until_registered(erl_epmd),
    say(node()).

until_registered(Name) ->
    epmdns_testlib:until(fun() -> is_pid(whereis(Name)) andalso whereis(Name) end).

load(Module) ->
    _ = code:purge(Module),
    code:load_file(Module).

kill(Name) when is_atom(Name) ->
    kill(whereis(Name));
kill(Pid) ->
    Monitor = monitor(process, Pid),
    exit(Pid, kill),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

%% Ping a node while this module has no functions left.
ping_without(Module, Node) ->
    empty(Module),
    say({net_adm:ping(Node), node()}).

empty(Module) ->
    Forms = [{attribute, 1, module, Module}],
    {ok, Module, Code} = compile:forms(Forms),
    _ = code:purge(Module),
    {module, Module} = code:load_binary(Module, "", Code).

%% What net_kernel hears of both families, and the process that connects of the right one.
ask_as_both(Name, Host) ->
    Ask = fun(Family) -> {Family, epmdns:address_please(Name, Host, Family)} end,
    %% As if it were net_kernel: only its registered name tells.
    Kernel = whereis(net_kernel),
    true = unregister(net_kernel),
    true = register(net_kernel, self()),
    InKernel = [Ask(inet6), Ask(inet)],
    true = unregister(net_kernel),
    true = register(net_kernel, Kernel),
    say(InKernel ++ [Ask(inet)]).

%% The creations of a node that starts while one part after the other of the module is broken.
start_with_crashes(Node) ->
    say([
        begin
            empty(Module),
            {ok, _} = net_kernel:start([Node, longnames]),
            Creation = erlang:system_info(creation),
            ok = net_kernel:stop(),
            load(Module),
            Creation
        end
     || Module <- [epmdns_session, epmdns_lookup, epmdns_proto, epmdns_config]
    ]).

%% Does the VM's resolver run after a ping?
ping_and_resolver(Node) ->
    Answer = net_adm:ping(Node),
    say({Answer, is_pid(whereis(inet_gethost_native))}).

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
