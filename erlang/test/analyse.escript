#!/usr/bin/env escript
%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% Static analysis of the application: xref, Dialyzer, and what the house style asks of every
%% module that no compiler checks.
%%
%% usage: analyse.escript SOURCES EBIN PLT
%%
%% PLT is where those modules of OTP are kept that are used, and no others: made in seconds instead of
%% a minute. Prints a TAP line a check; exit code 77 (skipped) without Dialyzer.
-mode(compile).

main([Sources, Ebin, Plt]) ->
    case code:ensure_loaded(dialyzer) of
        {module, dialyzer} -> analyse(Sources, Ebin, Plt);
        _ -> skip("Dialyzer is not installed")
    end;
main(_) ->
    io:format(standard_error, "usage: analyse.escript SOURCES EBIN PLT~n", []),
    halt(2).

skip(Why) ->
    io:format("1..0 # skip ~ts~n", [Why]),
    halt(77).

analyse(Sources, Ebin, Plt) ->
    Beams = [_ | _] = filelib:wildcard(filename:join(Ebin, "*.beam")),
    Modules = [module(Beam) || Beam <- Beams],
    Checks = [
        {"every exported function has a specification", unspecified(Modules)},
        {"every exported function is documented", undocumented(Sources, Modules)},
        {"no module uses an old-style catch", old_catches(Modules)},
        {"xref finds nothing", xref(Ebin)},
        {"dialyzer finds nothing", dialyzer(Beams, Modules, Plt)}
    ],
    io:format("1..~b~n", [length(Checks)]),
    Numbered = lists:zip(lists:seq(1, length(Checks)), Checks),
    lists:foreach(fun tell/1, Numbered),
    halt(case [Title || {Title, [_ | _]} <- Checks] of [] -> 0; _ -> 1 end).

tell({N, {Title, []}}) ->
    io:format("ok ~b - ~ts~n", [N, Title]);
tell({N, {Title, Findings}}) ->
    io:format("not ok ~b - ~ts~n", [N, Title]),
    [io:format("# ~ts~n", [Finding]) || Finding <- Findings].

%% {Name, Forms}
module(Beam) ->
    {ok, {Name, [{abstract_code, {raw_abstract_v1, Forms}}]}} =
        beam_lib:chunks(Beam, [abstract_code]),
    {Name, Forms}.

unspecified(Modules) ->
    [
        format("~p:~p/~b", [Name, Function, Arity])
     || {Name, Forms} <- Modules,
        Specs <- [[FA || {attribute, _, spec, {FA, _}} <- Forms]],
        {attribute, _, export, Exports} <- Forms,
        {Function, Arity} = FA <- Exports,
        not lists:member(FA, Specs)
    ].

%% By @doc, or @private for what only OTP calls, in the comment before the specification.
undocumented(Sources, Modules) ->
    [
        format("~p:~p/~b", [Name, Function, Arity])
     || {Name, Forms} <- Modules,
        Ends <- [documented_lines(filename:join(Sources, atom_to_list(Name) ++ ".erl"))],
        Exports <- [lists:append([Exports || {attribute, _, export, Exports} <- Forms])],
        {attribute, Anno, spec, {{Function, Arity} = FA, _}} <- Forms,
        lists:member(FA, Exports),
        not lists:member(erl_anno:line(Anno) - 1, Ends)
    ].

%% The lines on which such comments end.
documented_lines(File) ->
    [
        Line + length(Text) - 1
     || {Line, _, _, Text} <- erl_comment_scan:file(File),
        string:find(hd(Text), "@doc") =/= nomatch orelse string:find(hd(Text), "@private") =/= nomatch
    ].

%% OTP 29 warns of `catch Expression'.
old_catches(Modules) ->
    [
        format("~p, line ~p", [Name, erl_anno:line(Anno)])
     || {Name, Forms} <- Modules,
        Anno <- fold(fun({'catch', Anno, _}, Seen) -> [Anno | Seen]; (_, Seen) -> Seen end, [], Forms)
    ].

xref(Ebin) ->
    {ok, _} = xref:start(?MODULE),
    ok = xref:set_default(?MODULE, [{warnings, false}, {verbose, false}]),
    ok = xref:set_library_path(?MODULE, code_path),
    {ok, _} = xref:add_directory(?MODULE, Ebin),
    [
        format("~p: ~0p", [Analysis, Finding])
     || Analysis <- [undefined_function_calls, locals_not_used, deprecated_function_calls],
        {ok, Findings} <- [xref:analyze(?MODULE, Analysis)],
        Finding <- Findings
    ].

dialyzer(Beams, Modules, Plt) ->
    Warnings = dialyzer:run([
        {init_plt, plt(Modules, Plt)},
        {files, Beams},
        {check_plt, false},
        {warnings, [unmatched_returns, error_handling, unknown]}
    ]),
    [string:trim(dialyzer:format_warning(Warning)) || Warning <- Warnings].

%% Its name says what is in it: one that was made for fewer modules would not know the others.
plt(Modules, Prefix) ->
    Own = [Name || {Name, _} <- Modules],
    Used = lists:usort([erlang | fold(fun used/2, [], [Forms || {_, Forms} <- Modules])]) -- Own,
    Files = [File || File <- lists:map(fun where/1, Used), is_list(File)],
    Plt = format("~ts-~.16b", [Prefix, erlang:phash2(Files)]),
    filelib:is_regular(Plt) orelse make_plt(Files, Plt),
    Plt.

make_plt(Files, Plt) ->
    New = Plt ++ ".new",
    _ = dialyzer:run([{analysis_type, plt_build}, {output_plt, New}, {files, Files}]),
    ok = file:rename(New, Plt).

where(Module) -> code:where_is_file(atom_to_list(Module) ++ ".beam").

%% The modules that are called, or whose types are used.
used({remote, _, {atom, _, Module}, _}, Seen) -> [Module | Seen];
used({remote_type, _, [{atom, _, Module} | _]}, Seen) -> [Module | Seen];
used({attribute, _, behaviour, Module}, Seen) -> [Module | Seen];
used(_, Seen) -> Seen.

fold(Fun, Seen, Terms) when is_list(Terms) ->
    lists:foldl(fun(Term, Acc) -> fold(Fun, Acc, Term) end, Seen, proper(Terms));
fold(Fun, Seen, Term) when is_tuple(Term) ->
    fold(Fun, Fun(Term, Seen), tuple_to_list(Term));
fold(_, Seen, _) ->
    Seen.

proper([Head | Tail]) when not is_list(Tail) -> [Head, Tail];
proper(List) -> List.

format(Format, Args) -> lists:flatten(io_lib:format(Format, Args)).
