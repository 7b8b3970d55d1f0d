%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% `-epmdns_epmd true', with a real epmd on a port of its own, and those who know nothing but epmd.
-module(epmdns_epmd_tests).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testlib, [until/1]).
-import(epmdns_testvm, [start/2, plain/2, inside/2, said/1, until_line/2, close/1]).
-import(epmdns_testvm, [program/2, free_port/0, logged/1]).

-define(NEW, "new@127.0.0.1").

epmd_test_() ->
    epmdns_testlib:cases([
        {"an unmodified node and erl_call reach a node through epmd", fun reached/1},
        {"a node is not in epmd unless that is wanted", fun default/1},
        {"a node is in epmd with the port of its first family", fun families/1},
        {"a node's new port is told to epmd", fun moved/1},
        {"no epmd is started; one that comes later is told", fun later/1},
        {"a node returns to an epmd that is started anew", fun restarted/1},
        {"a node returns when the processes are killed that talk to epmd", fun killed/1},
        {"a node that stops is taken out, 20 times", fun stopped/1},
        {"a name that epmd has for another is a line in the log", fun duplicate/1}
    ]).

reached(Path) ->
    with_epmd(Path, fun(EpmdPort, _) ->
        New = new(EpmdPort),
        until_names(EpmdPort, ["new"]),
        Ping = inside(apply, [net_adm, ping, [list_to_atom(?NEW)]]),
        Old = plain(["-name", "old@127.0.0.1" | Ping], env(EpmdPort)),
        ?assertEqual(pong, said(Old)),
        [{Variable, Value}] = env(EpmdPort),
        Call = [Variable, "=", Value, " erl_call -c epmdns -n ", ?NEW, " -a 'erlang node'"],
        ?assertEqual("'" ++ ?NEW ++ "'", string:trim(os:cmd(lists:append(Call)))),
        [close(Vm) || Vm <- [New, Old]]
    end).

default(Path) ->
    with_epmd(Path, fun(EpmdPort, _) ->
        Vm = start(["-name", ?NEW | inside(apply, [erlang, whereis, [erl_epmd]])], env(EpmdPort)),
        ?assertEqual(undefined, said(Vm)),
        ?assertEqual([], epmd(EpmdPort)),
        close(Vm)
    end).

families(Path) ->
    with_epmd(Path, fun(EpmdPort, Fake) ->
        Vm = new(EpmdPort, ["-proto_dist", "inet_tcp", "inet6_tcp"]),
        until_names(EpmdPort, ["new"]),
        %% The agent knows both.
        [Port4, _] = [Port || {_, register, #{port := Port}} <- epmdns_fake:seen(Fake)],
        ?assertEqual([{"new", Port4}], epmd(EpmdPort)),
        close(Vm)
    end).

moved(Path) ->
    with_epmd(Path, fun(EpmdPort, _) ->
        Port = free_port(),
        Move = inside(apply, [epmdns, register_node, [new, Port, inet_tcp]]),
        Vm = new(EpmdPort, Move),
        ?assertMatch({ok, _}, said(Vm)),
        until(fun() -> epmd(EpmdPort) =:= [{"new", Port}] end),
        close(Vm)
    end).

later(Path) ->
    Fake = epmdns_fake:start(Path),
    EpmdPort = free_port(),
    Vm = new(EpmdPort),
    Lines = until_line(Vm, "is not registered with epmd: econnrefused"),
    ?assertMatch([_], logged(Lines)),
    ?assertEqual(refused, epmd(EpmdPort)),
    Epmd = start_epmd(EpmdPort),
    _ = until_line(Vm, "epmdns: new is registered with epmd now"),
    ?assertMatch([{"new", _}], epmd(EpmdPort)),
    [close(Program) || Program <- [Vm, Epmd]],
    epmdns_fake:stop(Fake).

restarted(Path) ->
    Fake = epmdns_fake:start(Path),
    EpmdPort = free_port(),
    First = start_epmd(EpmdPort),
    Vm = new(EpmdPort),
    until_names(EpmdPort, ["new"]),
    close(First),
    until(fun() -> epmd(EpmdPort) =:= refused end),
    Second = start_epmd(EpmdPort),
    until_names(EpmdPort, ["new"]),
    [close(Program) || Program <- [Vm, Second]],
    epmdns_fake:stop(Fake).

killed(Path) ->
    with_epmd(Path, fun(EpmdPort, _) ->
        Vm = new(EpmdPort, inside(outlive_epmd, [])),
        ?assertEqual(list_to_atom(?NEW), said(Vm)),
        until_names(EpmdPort, ["new"]),
        close(Vm)
    end).

stopped(Path) ->
    with_epmd(Path, fun(EpmdPort, _) ->
        Loop = inside(stop_start, [list_to_atom(?NEW), 20]),
        Vm = start(["-epmdns_epmd", "true" | Loop], env(EpmdPort)),
        ?assertEqual(20, said(Vm)),
        until_names(EpmdPort, []),
        close(Vm)
    end).

duplicate(Path) ->
    with_epmd(Path, fun(EpmdPort, _) ->
        Old = plain(["-name", "new@other.host" | inside(say, [up])], env(EpmdPort)),
        up = said(Old),
        New = new(EpmdPort),
        _ = until_line(New, "epmdns: new is not registered with epmd: duplicate_name"),
        close(Old),
        _ = until_line(New, "epmdns: new is registered with epmd now"),
        close(New)
    end).

%% A node that is up and wants to be in epmd.
new(EpmdPort) ->
    new(EpmdPort, []).

new(EpmdPort, Flags) ->
    Always = ["-name", ?NEW, "-epmdns_epmd", "true" | inside(say, [up])],
    Vm = start(Always ++ Flags, env(EpmdPort)),
    up = said(Vm),
    Vm.

with_epmd(Path, Fun) ->
    Fake = epmdns_fake:start(Path),
    EpmdPort = free_port(),
    Epmd = start_epmd(EpmdPort),
    Fun(EpmdPort, Fake),
    close(Epmd),
    epmdns_fake:stop(Fake).

start_epmd(EpmdPort) ->
    Options = ["-port", integer_to_list(EpmdPort), "-address", "127.0.0.1"],
    Epmd = program(os:find_executable("epmd"), Options),
    until(fun() -> epmd(EpmdPort) =:= [] end),
    Epmd.

env(EpmdPort) ->
    [{"ERL_EPMD_PORT", integer_to_list(EpmdPort)}].

until_names(EpmdPort, Names) ->
    until(fun() ->
        case epmd(EpmdPort) of
            refused -> false;
            Known -> [Name || {Name, _} <- Known] =:= Names
        end
    end).

%% What this epmd knows (NAMES_REQ); `refused' when there is none.
epmd(EpmdPort) ->
    case gen_tcp:connect({127, 0, 0, 1}, EpmdPort, [{active, false}]) of
        {ok, Socket} ->
            _ = gen_tcp:send(Socket, <<1:16, $n>>),
            case received(Socket) of
                [_, _, _, _ | Text] -> [name_and_port(Line) || Line <- string:lexemes(Text, "\n")];
                %% It has just been killed.
                [] -> refused
            end;
        {error, Reason} when Reason =:= econnrefused; Reason =:= econnreset ->
            refused
    end.

received(Socket) ->
    case gen_tcp:recv(Socket, 0, 5000) of
        {ok, Text} ->
            Text ++ received(Socket);
        {error, _} ->
            ok = gen_tcp:close(Socket),
            []
    end.

name_and_port(Line) ->
    {ok, [Name, Port], []} = io_lib:fread("name ~s at port ~d", Line),
    {Name, Port}.
