%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% Whatever the agent does, a node boots in time, says once that it is not registered, and is
%% registered as soon as there is a well agent.
-module(epmdns_bad_agent_tests).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testlib, [timed/1]).
-import(epmdns_testvm, [start/1, inside/2, said/1, until_line/2, close/1]).
-import(epmdns_testvm, [program/2, signal/2, logged/1]).

%% What a boot may take longer than one without distribution.
-define(BOOT_MS, 1000).
-define(TRIES, 5).
-define(ALICE, "alice@a.home").
-define(REGISTERED, "epmdns: alice@a.home is registered now").
%% Longer than a registration is waited for.
-define(SLOW_MS, 700).
%% The bytes of welcome and registered as epmdns_fake:cut/1 sends them.
-define(ANSWERS, 33).

bad_agent_test_() ->
    epmdns_testlib:cases([
        {"no agent", fun absent/1},
        {"a silent agent", fun silent/1},
        {"an agent that is stopped", fun stopped/1},
        {"an agent that answers late", fun late/1},
        {"an agent that answers byte by byte", fun dribbling/1},
        {"an agent that is full", fun full/1},
        {"an agent that closes at once", fun(Path) -> scripted(Path, fun(_, _, _) -> [close] end) end},
        {"an agent that closes at each byte of its answers", fun cut/1}
        | [
            {Title, fun(Path) -> scripted(Path, answering(Bytes)) end}
         || {Title, Bytes} <- [
                {"a server of another protocol", <<"SSH-2.0-OpenSSH_9.2\r\n">>},
                {"an agent of a later version", <<0, 9, 255, 1:32, 30, 1:16, 2>>},
                {"an agent that sends frames without end", binary:copy(<<0, 5, 133, 7:32>>, 5000)},
                {"an agent that answers what was not asked", <<0, 9, 129, 9:32, 1, 2:16, 1:16>>},
                {"an agent that says done to everything", <<0, 5, 131, 1:32, 0, 5, 131, 2:32>>}
            ]
        ]
    ]).

absent(Path) ->
    boots(Path, fun() -> ok end, fun(_) -> ok end).

silent(Path) ->
    scripted(Path, fun epmdns_fake:silent/3).

full(Path) ->
    %% It says so, and is asked again in 30 s: that is not waited for here.
    Fake = epmdns_fake:start(Path, epmdns_fake:refusing(11)),
    {Vm, Output} = boot_in_time(),
    ?assertMatch(["epmdns: alice@a.home is not registered: limit" ++ _], logged(Output)),
    close(Vm),
    epmdns_fake:stop(Fake).

late(Path) ->
    heals_by_itself(Path, fun(Number, Request, Seen) ->
        Answers = (epmdns_fake:agent(#{}))(Number, Request, Seen),
        [{later, ?SLOW_MS, Answer} || Answer <- Answers]
    end).

dribbling(Path) ->
    heals_by_itself(Path, fun(Number, Request, Seen) ->
        [{raw, Bytes}] = (epmdns_fake:cut(1000))(Number, Request, Seen),
        %% welcome first, then registered
        StartMs = case element(1, Request) of hello -> 0; _ -> ?SLOW_MS div 2 end,
        EveryMs = ?SLOW_MS div 2 div byte_size(Bytes),
        Numbered = lists:zip(lists:seq(1, byte_size(Bytes)), binary_to_list(Bytes)),
        [{later, StartMs + N * EveryMs, {raw, <<Byte>>}} || {N, Byte} <- Numbered]
    end).

%% The real one: its kernel accepts connections and takes requests all the same.
stopped(Path) ->
    case os:getenv("EPMDNS_DAEMON") of
        false ->
            ok;
        Daemon ->
            Agent = program(Daemon, ["--backend", "none", "--socket", Path]),
            epmdns_testlib:until(fun() -> epmdns_lookup:names(local) =:= {ok, []} end),
            Stop = fun() -> signal(Agent, "STOP"), Agent end,
            boots(Path, Stop, fun(_) -> signal(Agent, "CONT") end),
            close(Agent)
    end.

%% After each byte, from none to all but one; the next connection is answered well.
cut(Path) ->
    Script = fun(Number, Request, Seen) ->
        Cut = case Number rem 2 of 1 -> Number div 2; 0 -> 1000 end,
        (epmdns_fake:cut(Cut))(Number, Request, Seen)
    end,
    Fake = epmdns_fake:start(Path, Script),
    Vm = start(inside(start_each, [list_to_atom(?ALICE), ?ANSWERS])),
    Starts = said(Vm),
    ?assertEqual(?ANSWERS, length(Starts)),
    [
        begin
            ?assert(Ms =< ?BOOT_MS),
            ?assertMatch(["epmdns: no agent (" ++ _, ?REGISTERED], Lines)
        end
     || {Ms, Lines} <- Starts
    ],
    ?assertEqual(2 * ?ANSWERS, lists:max([Number || {Number, _, _} <- epmdns_fake:seen(Fake)])),
    close(Vm),
    epmdns_fake:stop(Fake).

answering(Bytes) ->
    fun
        (_, {hello, _, _}, _) -> [{raw, Bytes}];
        (_, _, _) -> []
    end.

%% A script that is bad until it is replaced, as by an agent that is started anew.
scripted(Path, Script) ->
    Start = fun() -> epmdns_fake:start(Path, Script) end,
    Fake = boots(Path, Start, fun(Fake) ->
        epmdns_fake:script(Fake, epmdns_fake:agent(#{})),
        epmdns_fake:drop(Fake)
    end),
    epmdns_fake:stop(Fake).

%% A script that is slow, and well.
heals_by_itself(Path, Script) ->
    Fake = boots(Path, fun() -> epmdns_fake:start(Path, Script) end, fun(_) -> ok end),
    epmdns_fake:stop(Fake).

%% With a bad agent a node boots in time; with a well one it is registered then. Two lines in all.
boots(Path, Start, Heal) ->
    Agent = Start(),
    {Vm, Before} = boot_in_time(),
    _ = Heal(Agent),
    Well = case Agent of ok -> epmdns_fake:start(Path); _ -> Agent end,
    After = until_line(Vm, ?REGISTERED),
    ?assertMatch(["epmdns: no agent (" ++ _, ?REGISTERED], logged(Before ++ After)),
    close(Vm),
    Well.

boot_in_time() ->
    boot_in_time(?TRIES).

%% The best of a few, for the machine may be busy with other things.
boot_in_time(Tries) ->
    {BootMs, {Vm, _} = Booted} = timed(fun() -> boot(["-name", ?ALICE]) end),
    case BootMs =< ?BOOT_MS orelse BootMs =< ?BOOT_MS + plain_boot_ms() of
        true ->
            Booted;
        false when Tries > 1 ->
            close(Vm),
            boot_in_time(Tries - 1)
    end.

plain_boot_ms() ->
    {Ms, {Vm, _}} = timed(fun() -> boot([]) end),
    close(Vm),
    Ms.

boot(Flags) ->
    Vm = start(Flags ++ inside(say, [up])),
    {Vm, until_line(Vm, "said: up")}.
