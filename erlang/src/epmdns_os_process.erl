%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc Processes of the operating system that were started by a port, watched beyond its end: a port
%% that is closed tells nothing more. Through /proc, so on Linux.
-module(epmdns_os_process).

-export([of_port/1, has_ended/2, kill/1]).
-export_type([os_process/0]).

-define(POLL_MS, 10).

%% A process may have its id from one that ended: the time of its start tells them apart.
-type os_process() :: {Id :: non_neg_integer(), Started :: binary()} | unknown.

%% @doc The process behind a port, for as long as the port is open.
-spec of_port(port()) -> os_process().
of_port(Port) ->
    case erlang:port_info(Port, os_pid) of
        {os_pid, Id} ->
            case started(Id) of
                none -> unknown;
                Started -> {Id, Started}
            end;
        undefined ->
            unknown
    end.

%% @doc Wait for its end, for so long. What is unknown had ended before it was looked at, or
%% cannot be seen.
-spec has_ended(os_process(), non_neg_integer()) -> boolean().
has_ended(Process, TimeoutMs) ->
    has_ended_by(Process, now_ms() + TimeoutMs).

-spec has_ended_by(os_process(), integer()) -> boolean().
has_ended_by(unknown, _) ->
    true;
has_ended_by({Id, Started} = Process, DeadlineMs) ->
    case started(Id) of
        Started ->
            now_ms() < DeadlineMs andalso
                receive
                after ?POLL_MS -> has_ended_by(Process, DeadlineMs)
                end;
        _ ->
            true
    end.

%% @doc End it at once. Takes a shell.
-spec kill(os_process()) -> ok.
kill({Id, _}) ->
    %% A port cannot do that, and the shell has it built in.
    _ = os:cmd("kill -KILL " ++ integer_to_list(Id)),
    ok.

%% When a process was started, if it runs: proc(5), field 22 of stat, and of these the first is an id
%% and the second a name in parentheses, with anything in it.
-spec started(non_neg_integer()) -> binary() | none.
started(Id) ->
    case read_file("/proc/" ++ integer_to_list(Id) ++ "/stat") of
        {ok, Stat} ->
            case binary:split(lists:last(binary:split(Stat, <<")">>, [global])), <<" ">>, [global]) of
                [_, <<"Z">> | _] -> none;
                [_ | Fields] -> lists:nth(22 - 2, Fields)
            end;
        error ->
            none
    end.

-spec read_file(string()) -> {ok, binary()} | error.
read_file(Path) ->
    case file:open(Path, [read, raw, binary]) of
        {ok, Device} ->
            Result = file:read(Device, 4096),
            _ = file:close(Device),
            case Result of
                {ok, Bytes} -> {ok, Bytes};
                _ -> error
            end;
        {error, _} ->
            error
    end.

-spec now_ms() -> integer().
now_ms() -> erlang:monotonic_time(millisecond).
