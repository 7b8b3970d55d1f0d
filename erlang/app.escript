#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% Makes epmdns.app from epmdns.app.src, as rebar3 does: with the modules. A version that is not the
%% project's is an error: it stands in meson.build and in epmdns.app.src, where hex reads it.
%%
%% usage: app.escript SOURCE RESULT VERSION MODULE...

main([Source, Result, Version | Modules]) ->
    {ok, [{application, Name, Properties}]} = file:consult(Source),
    case lists:keyfind(vsn, 1, Properties) of
        {vsn, Version} -> ok;
        {vsn, Other} -> fail("~ts has version ~ts, the project ~ts", [Source, Other, Version])
    end,
    Names = [list_to_atom(Module) || Module <- Modules],
    Listed = lists:keystore(modules, 1, Properties, {modules, Names}),
    ok = file:write_file(Result, io_lib:format("~tp.~n", [{application, Name, Listed}]));
main(_) ->
    fail("usage: app.escript SOURCE RESULT VERSION MODULE...", []).

fail(Format, Args) ->
    io:format(standard_error, Format ++ "~n", Args),
    halt(1).
