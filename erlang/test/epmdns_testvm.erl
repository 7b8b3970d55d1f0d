%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% Virtual machines of their own that run epmdns, and what they do and say; and other programs.
-module(epmdns_testvm).

-export([start/1, start/2, plain/2, release/3, node/2, inside/2, said/1, until_line/2, output/1, close/1]).
-export([program/2, signal/2, free_port/0, lines_with/2, logged/1]).

-define(DEADLINE_MS, 30000).

%% A virtual machine with epmdns as its discovery module; it ends with the test, if not before.
start(Flags) ->
    start(Flags, []).

start(Flags, Env) ->
    Module = ["-epmd_module", "epmdns", "-epmdns_fallback", "false"],
    plain(Module ++ ["-pa", directory("epmdns.beam") | Flags], Env).

%% One that runs no epmdns.
plain(Flags, Env) ->
    Always =
        ["-noshell", "-setcookie", "epmdns", "-start_epmd", "false"] ++
            ["-pa", directory("epmdns_inside.beam") | inside(halt_at_eof, [])],
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

%% A release of kernel, stdlib and epmdns in embedded mode, made in this directory, with this
%% application environment. It loads nothing that is not in it, so it cannot call epmdns_inside.
release(Directory, Environment, Flags) ->
    [ok = application:load(epmdns) || not lists:keymember(epmdns, 1, application:loaded_applications())],
    Versions = [{App, version(App)} || App <- [kernel, stdlib, epmdns]],
    Release = {release, {"node", "1"}, {erts, erlang:system_info(version)}, Versions},
    Boot = filename:join(Directory, "node"),
    ok = write_term(Boot ++ ".rel", Release),
    ok = write_term(Boot ++ ".config", [{epmdns, Environment}]),
    {ok, _, _} = systools:make_script(Boot, [silent, local, {outdir, Directory}, no_warn_sasl]),
    Module = ["-start_epmd", "false", "-epmd_module", "epmdns"],
    Started = ["-noshell", "-boot", Boot, "-config", Boot, "-mode", "embedded" | Module],
    %% The variable that the tests set would come before the application environment.
    program(os:find_executable("env"), ["-u", "EPMDNS_SOCKET", "erl" | Started ++ Flags]).

version(App) ->
    {ok, Version} = application:get_key(App, vsn),
    Version.

write_term(File, Term) ->
    file:write_file(File, io_lib:format("~tp.~n", [Term])).

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
said(Vm) ->
    Said = lists:last(until_line(Vm, "said: ")),
    [_, Text] = string:split(Said, "said: "),
    {ok, Tokens, _} = erl_scan:string(binary_to_list(Text)),
    {ok, Term} = erl_parse:parse_term(Tokens),
    Term.

%% Read what the VM writes until a line has this text: all these lines.
until_line({Port, _} = Vm, Text) ->
    until_line(Vm, Port, Text, []).

until_line(Vm, Port, Text, Seen) ->
    receive
        {Port, {data, {_, Line}}} ->
            case lines_with(Text, [Line]) of
                [_] -> lists:reverse([Line | Seen]);
                [] -> until_line(Vm, Port, Text, [Line | Seen])
            end;
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

%% A program that ends with the test, if not before.
program(Path, Args) ->
    %% Its id comes before its first line, however busy the machine is.
    Script = "sh -c 'echo $$; exec \"$@\"' sh \"$@\" & cat >/dev/null; kill -KILL $!",
    Port = open_port({spawn_executable, "/bin/sh"}, [
        {args, ["-c", Script, "sh", Path | Args]},
        {line, 10000},
        exit_status,
        stderr_to_stdout,
        binary
    ]),
    receive
        {Port, {data, {eol, Pid}}} -> {Port, binary_to_integer(Pid)}
    end.

signal({_, Pid}, Signal) ->
    [] = os:cmd(lists:concat(["kill -", Signal, " ", Pid])).

%% A port where nobody listens, on loopback.
free_port() ->
    {ok, Listen} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listen),
    ok = gen_tcp:close(Listen),
    Port.

%% The lines of a VM's output that have this text.
lines_with(Text, Output) ->
    [Line || Line <- Output, string:find(Line, Text) =/= nomatch].

%% What epmdns has logged, in order. While a VM boots, logger shows an event at once and again when the
%% default handler is there (logger_simple_h.erl); the time of it tells that they are one.
logged(Output) ->
    Text = lists:join($\n, Output),
    Pattern = "==== (\\S+) ===\\R(epmdns: [^\\n=]+)",
    case re:run(Text, Pattern, [global, {capture, all_but_first, list}]) of
        {match, Events} -> [Line || [_, Line] <- lists:usort(Events)];
        nomatch -> []
    end.

close({Port, Pid}) ->
    _ = os:cmd("kill -KILL " ++ integer_to_list(Pid)),
    try
        port_close(Port)
    catch
        error:badarg -> true
    end.
