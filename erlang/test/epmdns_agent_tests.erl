%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% The agent under a supervisor that forgives nothing: with the real one, and with scripts in its place.
-module(epmdns_agent_tests).
-behaviour(supervisor).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testlib, [until/1, until_logged/1, logged/0, said/0, timed/1]).

-export([init/1]).

-define(WHY_PATH, "it must be a path of 1 to 107 bytes").
-define(WHY_PROGRAM, "it must be the path of a program").
-define(WHY_STRINGS, "it must be a list of strings").
-define(WHY_PAIRS, "options are a map or a list of pairs").
%% Lines of an agent that are logged in 10 s.
-define(LINES_MAX, 100).

options_test_() ->
    [
        {lists:flatten(io_lib:format("~0tp", [Options])), fun() ->
            Reason = {bad_option, Option, Why},
            ?assertError(Reason, epmdns_agent:child_spec(Options)),
            ?assertEqual({error, Reason}, epmdns_agent:start_link(Options))
        end}
     || {Options, Option, Why} <- [
            {[{program, ""}], {program, ""}, ?WHY_PROGRAM},
            {#{program => epmdnsd}, {program, epmdnsd}, ?WHY_PROGRAM},
            {#{program => <<255>>}, {program, <<255>>}, ?WHY_PROGRAM},
            {#{program => [$a, 0]}, {program, [$a, 0]}, ?WHY_PROGRAM},
            {#{program => ["a", "b"]}, {program, ["a", "b"]}, ?WHY_PROGRAM},
            {#{program => [$a | $b]}, {program, [$a | $b]}, ?WHY_PROGRAM},
            {#{discovery_program => 1}, {discovery_program, 1}, ?WHY_PROGRAM},
            {#{socket => long(108)}, {socket, long(108)}, ?WHY_PATH},
            {#{socket => [16#20ac || _ <- lists:seq(1, 36)]},
                {socket, [16#20ac || _ <- lists:seq(1, 36)]}, ?WHY_PATH},
            {#{backend => dns}, {backend, dns}, "it must be one of auto, avahi, none"},
            {#{log_level => "loud"}, {log_level, "loud"}, "it must be one of error, warn, info, debug"},
            {#{arguments => "--ttl 5"}, {arguments, "--ttl 5"}, ?WHY_STRINGS},
            {#{arguments => ["a" | <<"b">>]}, {arguments, ["a" | <<"b">>]}, ?WHY_STRINGS},
            {#{arguments => <<"--ttl">>}, {arguments, <<"--ttl">>}, ?WHY_STRINGS},
            {#{sokcet => "/x"}, {sokcet, "/x"},
                "there is no such option; there are program, discovery_program, socket, backend, "
                "log_level, arguments"},
            {[verbose], verbose, ?WHY_PAIRS},
            {[{socket, "/x"} | x], [{socket, "/x"} | x], ?WHY_PAIRS},
            {"text", $t, ?WHY_PAIRS},
            {none, none, ?WHY_PAIRS}
        ]
    ].

long(Length) -> lists:duplicate(Length, $x).

agent_test_() ->
    epmdns_testlib:cases([
        {"options become arguments", fun options/1},
        {"the program is found in the order of the manual", fun order/1},
        {"the discovery program is beside it", fun beside/1},
        {"what the VM was told by a service manager is not for the agent", fun environment/1},
        {"a socket where this VM does not look is a line in the log", fun elsewhere/1},
        {"a program that is missing is a line in the log, and started once it is there", fun missing/1},
        {"so is one that is none", fun no_program/1},
        {"one that fails again and again costs no supervisor, and is one line", fun failing/1},
        {"one that was replaced is started at once, and then with care", fun replaced/1},
        {"levels of its lines are those of the log", fun levels/1},
        {"a flood of lines is cut off and counted", fun flood/1},
        {"only one runs in a VM", fun one/1},
        {"one that does not end is killed", fun stubborn/1}
    ]).

%% With the agent as it is built.
daemon_test_() ->
    epmdns_testlib:cases([
        {Title, fun(Path) -> Fun(Path, Daemon) end}
     || Daemon <- [os:getenv("EPMDNS_DAEMON")],
        Daemon =/= false,
        {Title, Fun} <- [
            {"it serves, logs, and ends in good order with its supervisor", fun serves/2},
            {"it ends with its process, too", fun orphaned/2},
            {"one that is killed is started again", fun killed/2},
            {"it waits for another's end, and takes over", fun takes_over/2},
            {"nothing says where to serve, and the log says so", fun nowhere/2}
        ]
    ]).

init(Options) ->
    {ok, {#{strategy => one_for_one, intensity => 0}, [epmdns_agent:child_spec(Options)]}}.

start(Options) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, Options),
    Supervisor.

stop(Supervisor) ->
    unlink(Supervisor),
    {Ms, ok} = timed(fun() -> gen_server:stop(Supervisor, shutdown, infinity) end),
    ?assertEqual(undefined, whereis(epmdns_agent)),
    Ms.

%% A file beside the socket.
file(Path, Name) -> filename:join(filename:dirname(Path), Name).

%% A program that does this, and writes a line into the file `starts' when it begins.
script(Path, Name, Lines) ->
    Script = file(Path, Name),
    ok = filelib:ensure_dir(Script),
    Begin = io_lib:format("#!/bin/sh\necho \"$*\" >>~ts\n", [file(Path, "starts")]),
    ok = file:write_file(Script, [Begin, lists:join("\n", Lines), "\n"]),
    ok = file:change_mode(Script, 8#755),
    Script.

%% The arguments of each start.
starts(Path) ->
    case file:read_file(file(Path, "starts")) of
        {ok, Text} -> [string:lexemes(Line, " ") || Line <- string:split(string:trim(Text), "\n", all)];
        {error, enoent} -> []
    end.

until_started(Path, Times) ->
    until(fun() -> length(starts(Path)) >= Times andalso starts(Path) end).

options(Path) ->
    %% It must not find a discovery program of this machine.
    Program = script(Path, "agent", ["exec cat"]),
    All = #{
        program => Program,
        discovery_program => <<"/opt/discovery">>,
        socket => "/run/home/s",
        backend => avahi,
        log_level => warning,
        arguments => ["--ttl", <<"10">>]
    },
    Supervisor = start(All),
    [Arguments] = until_started(Path, 1),
    ?assertEqual(
        [
            <<"--exit-on-stdin-eof">>, <<"--socket">>, <<"/run/home/s">>,
            <<"--discovery-program">>, <<"/opt/discovery">>, <<"--backend">>, <<"avahi">>,
            <<"--log-level">>, <<"warn">>, <<"--ttl">>, <<"10">>
        ],
        Arguments
    ),
    stop(Supervisor),
    %% A keyword list of Elixir; of two values the first counts. The socket is that of this VM.
    Pairs = [{program, list_to_binary(Program)}, {backend, "none"}, {backend, "auto"}, {log_level, "debug"}],
    Second = start(Pairs),
    [_, Arguments2] = until_started(Path, 2),
    ?assertEqual(
        [
            <<"--exit-on-stdin-eof">>, <<"--socket">>, list_to_binary(Path), <<"--backend">>,
            <<"none">>, <<"--log-level">>, <<"debug">>
        ],
        Arguments2
    ),
    stop(Second),
    %% Nothing says where: the agent chooses.
    true = os:unsetenv("EPMDNS_SOCKET"),
    ok = epmdns_config:load(),
    Third = start([{program, Program}]),
    ?assertMatch([_, _, [<<"--exit-on-stdin-eof">>]], until_started(Path, 3)),
    stop(Third),
    %% Of the first.
    ?assertMatch(["epmdns: the agent serves /run/home/s, and this node " ++ _], logged()).

%% As far as that can be shown without a file among those of the machine: priv before PATH. What is
%% in neither is named, with all places.
order(Path) ->
    Application = file(Path, "lib/epmdns"),
    Private = script(Path, "lib/epmdns/priv/epmdnsd", ["exec cat"]),
    OnPath = script(Path, "bin/epmdnsd", ["exec cat"]),
    Before = os:getenv("PATH"),
    Ebin = filename:join(Application, "ebin"),
    ok = file:make_dir(Ebin),
    true = code:add_patha(Ebin),
    true = os:putenv("PATH", filename:dirname(OnPath) ++ ":" ++ Before),
    try
        ?assertEqual(Private, started_program(Path)),
        ok = file:delete(Private),
        ?assertEqual(OnPath, started_program(Path)),
        ok = file:delete(OnPath),
        case [Usual || Usual <- ["/usr/local/sbin/epmdnsd", "/usr/sbin/epmdnsd"], filelib:is_file(Usual)] of
            [] ->
                Supervisor = start(#{}),
                ?assertEqual(
                    [
                        "epmdns: there is no agent to start: no program at " ++ Private ++
                            ", PATH, /usr/local/sbin/epmdnsd, /usr/sbin/epmdnsd; trying again, "
                            "in the end every 30 s"
                    ],
                    until_logged(1)
                ),
                stop(Supervisor);
            [_ | _] ->
                ok
        end
    after
        true = os:putenv("PATH", Before),
        true = code:del_path(Ebin)
    end.

%% What runs without any option.
started_program(Path) ->
    Supervisor = start(#{}),
    until_started(Path, 1),
    {Port, _} = running(),
    {name, Name} = erlang:port_info(Port, name),
    stop(Supervisor),
    ok = file:delete(file(Path, "starts")),
    Name.

%% The port of the agent and its process.
running() ->
    [{Port, Pid}] = [
        {Port, Pid}
     || Port <- erlang:ports(),
        erlang:port_info(Port, connected) =:= {connected, whereis(epmdns_agent)},
        {os_pid, Pid} <- [erlang:port_info(Port, os_pid)]
    ],
    {Port, Pid}.

beside(Path) ->
    Program = script(Path, "agent", ["exec cat"]),
    Beside = script(Path, "epmdns-discovery", []),
    Told = fun(Times) ->
        Supervisor = start(#{program => Program, socket => Path}),
        Arguments = lists:last(until_started(Path, Times)),
        stop(Supervisor),
        lists:nthtail(3, Arguments)
    end,
    ?assertEqual([<<"--discovery-program">>, list_to_binary(Beside)], Told(1)),
    true = os:putenv("EPMDNS_DISCOVERY_PROGRAM", "/opt/other"),
    ?assertEqual([], Told(2)),
    true = os:unsetenv("EPMDNS_DISCOVERY_PROGRAM").

environment(Path) ->
    Foreign = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
        "LISTEN_FDNAMES", "RUNTIME_DIRECTORY"],
    [true = os:putenv(Name, "7") || Name <- ["EPMDNS_TEST_MARK" | Foreign]],
    Seen = file(Path, "seen"),
    Program = script(Path, "agent", ["env >" ++ Seen ++ ".new", "mv " ++ Seen ++ ".new " ++ Seen, "exec cat"]),
    Supervisor = start(#{program => Program}),
    until(fun() -> filelib:is_file(Seen) end),
    {ok, Text} = file:read_file(Seen),
    [true = os:unsetenv(Name) || Name <- ["EPMDNS_TEST_MARK" | Foreign]],
    Names = [hd(string:split(Line, "=")) || Line <- string:split(Text, "\n", all)],
    ?assert(lists:member(<<"EPMDNS_TEST_MARK">>, Names)),
    ?assertEqual([], [Name || Name <- Foreign, lists:member(list_to_binary(Name), Names)]),
    stop(Supervisor).

elsewhere(Path) ->
    Program = script(Path, "agent", ["exec cat"]),
    Supervisor = start(#{program => Program, socket => "/run/home/other"}),
    ?assertEqual(
        [
            "epmdns: the agent serves /run/home/other, and this node looks for one at " ++ Path ++
                " (the setting socket)"
        ],
        until_logged(1)
    ),
    stop(Supervisor).

missing(Path) ->
    Program = file(Path, "agent"),
    Supervisor = start(#{program => Program}),
    Again = "; trying again, in the end every 30 s",
    ?assertEqual(["epmdns: there is no agent to start: no program at " ++ Program ++ Again], until_logged(1)),
    Pid = whereis(epmdns_agent),
    %% The third time at the earliest.
    until(fun() -> backoff_ms() >= 1000 end),
    Program = script(Path, "agent", ["exec cat"]),
    until_started(Path, 1),
    ?assertMatch([_], logged()),
    ?assertMatch(["epmdns: there is no agent to start" ++ _, "epmdns: the agent runs"], until_logged(2)),
    ?assertEqual(Pid, whereis(epmdns_agent)),
    stop(Supervisor).

%% How long the next failure would be waited for.
backoff_ms() ->
    State = sys:get_state(epmdns_agent),
    element(5, State).

no_program(Path) ->
    Program = file(Path, "agent"),
    ok = file:write_file(Program, "no program at all\0"),
    ok = file:change_mode(Program, 8#755),
    Supervisor = start(#{program => Program}),
    [Line] = until_logged(1),
    ?assertMatch("epmdns: the agent " ++ _, Line),
    until(fun() -> backoff_ms() >= 1000 end),
    ?assertEqual([Line], logged()),
    stop(Supervisor).

failing(Path) ->
    Program = script(Path, "agent", ["echo 'epmdnsd: error: No luck.' >&2", "exit 3"]),
    Supervisor = start(#{program => Program}),
    Pid = whereis(epmdns_agent),
    until_started(Path, 4),
    Line = "epmdns: the agent ended with exit code 3; trying again, in the end every 30 s",
    ?assertEqual(["epmdnsd: No luck.", Line], until_logged(2)),
    ?assertEqual(Pid, whereis(epmdns_agent)),
    %% What is new is said.
    Program = script(Path, "agent", ["echo 'epmdnsd: error: No luck.' >&2", "kill -KILL $$"]),
    Killed = "epmdns: the agent was ended by signal 9; trying again, in the end every 30 s",
    ?assertEqual(["epmdnsd: No luck.", Line, Killed], until_logged(3)),
    stop(Supervisor).

replaced(Path) ->
    Program = script(Path, "agent", ["exit 75"]),
    %% Not the times of the starts, which are also those that the machine takes: what was asked for.
    1 = erlang:trace_pattern({erlang, start_timer, 3}, true, []),
    _ = erlang:trace(new_processes, true, [call]),
    Supervisor = start(#{program => Program}),
    until_started(Path, 4),
    _ = erlang:trace(all, false, [call]),
    1 = erlang:trace_pattern({erlang, start_timer, 3}, false, []),
    %% 0, then twice 250 ms and so on.
    ?assertEqual([0, 500, 1000], lists:sublist(delays(), 3)),
    ?assertEqual(["epmdns: the agent was replaced on disk, and is started anew"], logged()),
    stop(Supervisor).

delays() ->
    receive
        {trace, _, call, {erlang, start_timer, [Ms, _, start]}} -> [Ms | delays()]
    after 0 -> []
    end.

levels(Path) ->
    Text = string:copies("x", 3000),
    Program = script(Path, "agent", [
        "cat <<'END'",
        "epmdnsd: error: One.",
        "epmdns-discovery: warn: Two.",
        "epmdnsd: info: Three: warn: 3.",
        "epmdnsd: debug: Four.",
        "epmdnsd: --frob: there is no such option",
        "other: error: with \x{1b}[1m and " ++ [226, 130, 172],
        "epmdnsd: info: " ++ Text,
        "epmdnsd: info: The end.",
        "END",
        "exec cat"
    ]),
    ok = logger:set_module_level(epmdns_agent, debug),
    try
        Supervisor = start(#{program => Program}),
        until(fun() -> lists:member({info, "epmdnsd: The end."}, said()) end),
        stop(Supervisor)
    after
        ok = logger:unset_module_level(epmdns_agent)
    end,
    Cut = "epmdnsd: " ++ string:slice(Text, 0, 1024 - length("epmdnsd: info: ")) ++ "...",
    ?assertEqual(
        [
            {error, "epmdnsd: One."},
            {warning, "epmdns-discovery: Two."},
            {info, "epmdnsd: Three: warn: 3."},
            {debug, "epmdnsd: Four."},
            {warning, "epmdnsd: --frob: there is no such option"},
            {warning, "other: error: with ?[1m and ???"},
            {info, Cut},
            {info, "epmdnsd: The end."}
        ],
        said()
    ).

flood(Path) ->
    Program = script(Path, "agent", [
        "i=0",
        "while [ $i -lt 1000 ]; do echo epmdnsd: warn: $i; echo epmdnsd: info: $i; i=$((i + 1)); done",
        "exec cat"
    ]),
    Supervisor = start(#{program => Program}),
    Lines = until_logged(?LINES_MAX + 1),
    %% What the logger would not take does not count.
    Numbers = lists:seq(0, ?LINES_MAX - 1),
    ?assertEqual(
        ["epmdnsd: " ++ integer_to_list(N) || N <- Numbers] ++
            ["epmdns: 900 lines of the agent were left out of 10 s"],
        Lines
    ),
    stop(Supervisor).

one(Path) ->
    Program = script(Path, "agent", ["exec cat"]),
    Supervisor = start(#{program => Program}),
    Pid = whereis(epmdns_agent),
    ?assertEqual({error, {already_started, Pid}}, epmdns_agent:start_link(#{program => Program})),
    %% What it is not asked does it no harm.
    ?assertEqual({error, badarg}, gen_server:call(Pid, nonsense)),
    ok = gen_server:cast(Pid, nonsense),
    Pid ! nonsense,
    ?assertEqual({error, badarg}, gen_server:call(Pid, nonsense)),
    stop(Supervisor).

stubborn(Path) ->
    Program = script(Path, "agent", ["exec tail -f /dev/null >/dev/null"]),
    Supervisor = start(#{program => Program}),
    until_started(Path, 1),
    {_, Pid} = running(),
    Ms = stop(Supervisor),
    %% By itself, and not by its supervisor after 5 s.
    ?assert(Ms >= 2000 andalso Ms < 5000),
    ?assertEqual(["epmdns: the agent has not ended within 2000 ms, and is killed"], logged()),
    until(fun() -> not runs(Pid) end).

runs(Pid) ->
    case file:read_file("/proc/" ++ integer_to_list(Pid) ++ "/stat") of
        {ok, Stat} -> string:find(Stat, ") Z ") =:= nomatch;
        {error, _} -> false
    end.

serves(Path, Daemon) ->
    Supervisor = start(#{program => Daemon, backend => none}),
    until_serving(),
    {_, Pid} = running(),
    %% About 2 s, and a busy machine; one that was killed would be a line in the log.
    ?assert(stop(Supervisor) < 4000),
    ?assertNot(runs(Pid)),
    ?assertNot(filelib:is_file(Path)),
    ?assertEqual([], logged()).

until_serving() ->
    until(fun() -> epmdns_lookup:names(local) =:= {ok, []} end).

orphaned(Path, Daemon) ->
    process_flag(trap_exit, true),
    Supervisor = start(#{program => Daemon, backend => none}),
    until_serving(),
    {_, Pid} = running(),
    exit(whereis(epmdns_agent), kill),
    until(fun() -> not runs(Pid) end),
    %% In good order.
    ?assertNot(filelib:is_file(Path)),
    receive
        {'EXIT', Supervisor, shutdown} -> ok
    end.

killed(_, Daemon) ->
    Supervisor = start(#{program => Daemon, backend => none}),
    until_serving(),
    {_, First} = running(),
    [] = os:cmd("kill -KILL " ++ integer_to_list(First)),
    ?assertEqual(
        ["epmdns: the agent was ended by signal 9; trying again, in the end every 30 s"],
        until_logged(1)
    ),
    until_serving(),
    {_, Second} = running(),
    ?assertNotEqual(First, Second),
    stop(Supervisor).

takes_over(Path, Daemon) ->
    Other = epmdns_testvm:program(Daemon, ["--backend", "none", "--socket", Path]),
    until_serving(),
    Program = script(Path, "agent", ["exec " ++ Daemon ++ " \"$@\""]),
    Supervisor = start(#{program => Program, backend => none}),
    %% The next try would be in 4 s.
    until_started(Path, 5),
    until(fun() -> map_size(others()) =:= 1 end),
    ?assertMatch(["epmdnsd: Another agent holds " ++ _, "epmdns: the agent ended with exit code 1" ++ _], logged()),
    epmdns_testvm:signal(Other, "TERM"),
    until_started(Path, 6),
    until_serving(),
    %% Not that next try: then it would be 8 s.
    ?assert(backoff_ms() < 4000),
    ?assertEqual(#{}, others()),
    ?assertMatch([_, _], logged()),
    stop(Supervisor),
    epmdns_testvm:close(Other).

%% The sessions with others.
others() -> element(6, sys:get_state(epmdns_agent)).

nowhere(Path, Daemon) ->
    true = os:unsetenv("EPMDNS_SOCKET"),
    ok = epmdns_config:load(),
    %% To root there is always a place.
    Nobody = "setpriv --reuid=65534 --clear-groups ",
    As = case os:cmd("id -u") of "0\n" -> Nobody; _ -> "" end,
    Command = "exec " ++ As ++ "env -u XDG_RUNTIME_DIR " ++ Daemon,
    case os:cmd(Command ++ " --version 2>/dev/null") of
        "epmdnsd " ++ _ ->
            Supervisor = start(#{program => script(Path, "agent", [Command ++ " \"$@\""])}),
            ?assertEqual(
                [
                    "epmdnsd: nothing says where to serve: give --socket or set EPMDNS_SOCKET, "
                    "RUNTIME_DIRECTORY or XDG_RUNTIME_DIR; see epmdnsd --help",
                    "epmdns: the agent ended with exit code 2; trying again, in the end every 30 s"
                ],
                until_logged(2)
            ),
            stop(Supervisor);
        _ ->
            %% The machine does not let us be another user, or its files are not for others.
            ok
    end.
