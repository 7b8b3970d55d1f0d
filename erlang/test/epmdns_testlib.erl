%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% What the tests of processes share: a socket of their own, a quiet log that can be read, and
%% waiting for a condition with a deadline.
-module(epmdns_testlib).

-export([cases/1, setup/0, cleanup/1, until/1, timed/1, release/0, kernel/0]).
-export([collect_log/0, until_logged/1, logged/0, said/0]).
%% The callback of a logger handler.
-export([log/2]).

-define(DEADLINE_MS, 15000).
-define(CASE_S, 60).

%% Cases are {Title, Fun}; Fun is given the path where an agent would listen.
cases(Cases) ->
    {foreach, fun setup/0, fun cleanup/1, [
        fun({Path, _}) -> {Title, {timeout, ?CASE_S, fun() -> Fun(Path) end}} end
     || {Title, Fun} <- Cases
    ]}.

%% A directory of its own with a path for a socket, where the configuration points; nothing listens
%% yet.
setup() ->
    Unique = [os:getpid(), "-", erlang:unique_integer([positive])],
    Path = lists:concat([os:getenv("TMPDIR", "/tmp"), "/epmdns-test-"] ++ Unique ++ ["/socket"]),
    ok = filelib:ensure_dir(Path),
    true = os:putenv("EPMDNS_SOCKET", Path),
    ok = application:set_env(epmdns, fallback, false),
    ok = epmdns_config:load(),
    Handlers = logger:get_handler_ids(),
    [ok = logger:set_handler_config(Handler, level, none) || Handler <- Handlers],
    collect_log(),
    {Path, Handlers}.

%% From now on keep what is logged, as long as the calling process lives.
collect_log() ->
    ets:new(?MODULE, [named_table, public, ordered_set]),
    ok = logger:add_handler(?MODULE, ?MODULE, #{level => all}).

cleanup({Path, Handlers}) ->
    stop_guard(),
    epmdns_lookup:stop(),
    ok = logger:remove_handler(?MODULE),
    [logger:set_handler_config(Handler, level, all) || Handler <- Handlers],
    ets:delete(?MODULE),
    true = os:unsetenv("EPMDNS_SOCKET"),
    ok = application:unset_env(epmdns, fallback),
    ok = epmdns_config:load(),
    file:del_dir_r(filename:dirname(Path)).

%% The guard is linked to the process of the test, and may be ending with it.
stop_guard() ->
    try
        gen_server:stop(epmdns_guard)
    catch
        exit:_ -> ok
    end,
    until(fun() -> whereis(epmdns_guard) =:= undefined end).

%% Wait until Fun is not false; its value.
until(Fun) ->
    until(Fun, erlang:monotonic_time(millisecond) + ?DEADLINE_MS).

until(Fun, Deadline) ->
    case Fun() of
        false ->
            erlang:monotonic_time(millisecond) < Deadline orelse error(deadline),
            receive
            after 5 -> until(Fun, Deadline)
            end;
        Value ->
            Value
    end.

%% Wait until so many lines are logged; all of them.
until_logged(Count) ->
    until(fun() -> length(logged()) >= Count andalso logged() end).

%% The lines that were logged since then.
logged() ->
    [Line || {_, Line} <- said()].

%% The same with their levels.
said() ->
    [Said || {_, Said} <- ets:tab2list(?MODULE)].

log(#{level := Level, msg := {string, Text}}, _) -> keep(Level, Text);
log(#{level := Level, msg := {report, Report}}, _) -> keep(Level, io_lib:format("~0tp", [Report]));
log(#{level := Level, msg := {Format, Args}}, _) -> keep(Level, io_lib:format(Format, Args)).

keep(Level, Text) ->
    try
        ets:insert(?MODULE, {erlang:unique_integer([monotonic]), {Level, lists:flatten(Text)}})
    catch
        %% The last words of a process that outlives its test.
        error:badarg -> true
    end.

timed(Fun) ->
    {Us, Result} = timer:tc(Fun),
    {Us div 1000, Result}.

release() ->
    list_to_integer(erlang:system_info(otp_release)).

%% The version of the application kernel: that of OTP 27.2 is [10, 2].
kernel() ->
    {ok, Version} = application:get_key(kernel, vsn),
    [list_to_integer(Part) || Part <- string:lexemes(Version, ".")].
