%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% Virtual machines of their own that run epmdns, and what they do and say.
-module(epmdns_testvm).

-export([start/1, start/2, node/2, inside/2, said/1, output/1, close/1]).

-define(DEADLINE_MS, 30000).

%% A virtual machine with epmdns as its discovery module; it ends with the test, if not before.
start(Flags) ->
    start(Flags, []).

start(Flags, Env) ->
    Always =
        ["-noshell", "-setcookie", "epmdns"] ++
            ["-start_epmd", "false", "-epmd_module", "epmdns", "-epmdns_fallback", "false"] ++
            ["-pa", directory("epmdns.beam"), "-pa", directory("epmdns_inside.beam")] ++
            inside(halt_at_eof, []),
    Port = open_port({spawn_executable, os:find_executable("erl")}, [
        {args, Always ++ Flags},
        {env, [{"ERL_CRASH_DUMP_BYTES", "0"} | Env]},
        {line, 10000},
        exit_status,
        stderr_to_stdout,
        binary
    ]),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    {Port, Pid}.

%% Not code:which/1: with coverage it does not say where.
directory(Beam) ->
    filename:absname(filename:dirname(code:where_is_file(Beam))).

%% A node that is up when this returns, and stays so.
node(Name, Flags) ->
    Vm = start(["-name", Name | inside(say, [up])] ++ Flags),
    up = said(Vm),
    Vm.

%% The flags that make a VM call a function of epmdns_inside when it has booted.
inside(Function, Args) ->
    Terms = lists:join(", ", [io_lib:format("~0p", [Arg]) || Arg <- Args]),
    ["-eval", lists:flatten(io_lib:format("epmdns_inside:~p(~s).", [Function, Terms]))].

%% The next term that the VM says with epmdns_inside:say/1.
said({Port, _} = Vm) ->
    said(Vm, Port, []).

said(Vm, Port, Seen) ->
    receive
        {Port, {data, {eol, <<"said: ", Text/binary>>}}} ->
            {ok, Tokens, _} = erl_scan:string(binary_to_list(Text)),
            {ok, Term} = erl_parse:parse_term(Tokens),
            Term;
        {Port, {data, {_, Line}}} ->
            said(Vm, Port, [Line | Seen]);
        {Port, {exit_status, Status}} ->
            error({exit, Status, lists:reverse(Seen)})
    after ?DEADLINE_MS ->
        close(Vm),
        error({deadline, lists:reverse(Seen)})
    end.

%% The exit status of a VM that ends by itself, and the lines that it wrote.
output({Port, _} = Vm) ->
    output(Vm, Port, []).

output(Vm, Port, Seen) ->
    receive
        {Port, {data, {_, Line}}} -> output(Vm, Port, [Line | Seen]);
        {Port, {exit_status, Status}} -> {Status, lists:reverse(Seen)}
    after ?DEADLINE_MS ->
        close(Vm),
        error({deadline, lists:reverse(Seen)})
    end.

close({Port, Pid}) ->
    _ = os:cmd("kill -KILL " ++ integer_to_list(Pid)),
    try
        port_close(Port)
    catch
        error:badarg -> true
    end.
