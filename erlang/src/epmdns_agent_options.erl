%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc What {@link epmdns_agent} is told by the application: checked, and no more than text.
-module(epmdns_agent_options).

-export([check/1, to_bytes/1]).
-export_type([options/0, checked/0]).

-define(PATH_MAX, 107).

-type options() :: #{option() => term()} | [{option(), term()}].
-type option() :: program | discovery_program | socket | backend | log_level | arguments.
-type checked() :: #{option() => string() | [string()]}.

%% @doc The options with their values as text; of a key that is there twice, the first. Raises
%% `{bad_option, Option, Why}'.
-spec check(term()) -> checked().
check(Options) when is_map(Options) ->
    check(maps:to_list(Options));
check(Options) when length(Options) >= 0 ->
    %% As with proplists, the first counts.
    lists:foldr(fun check/2, #{}, Options);
check(Options) ->
    error({bad_option, Options, "options are a map or a list of pairs"}).

-spec check(term(), checked()) -> checked().
check({Key, Value} = Option, Checked) ->
    case parse(Key, Value) of
        {ok, Parsed} -> Checked#{Key => Parsed};
        {bad, Why} -> error({bad_option, Option, Why})
    end;
check(Option, _) ->
    error({bad_option, Option, "options are a map or a list of pairs"}).

-spec parse(term(), term()) -> {ok, string() | [string()]} | {bad, string()}.
parse(Key, Value) when Key =:= program; Key =:= discovery_program ->
    parse_text(Value, fun(_) -> true end, "it must be the path of a program");
parse(socket, Value) ->
    IsGood = fun(Path) -> byte_size(to_bytes(Path)) =< ?PATH_MAX end,
    parse_text(Value, IsGood, "it must be a path of 1 to 107 bytes");
parse(backend, Value) ->
    parse_word(Value, ["auto", "avahi", "none"]);
parse(log_level, Value) when Value =:= warning; Value =:= "warning"; Value =:= <<"warning">> ->
    {ok, "warn"};
parse(log_level, Value) ->
    parse_word(Value, ["error", "warn", "info", "debug"]);
parse(arguments, Values) when length(Values) >= 0 ->
    Texts = [text(Value) || Value <- Values],
    case lists:member(bad, Texts) of
        false -> {ok, Texts};
        true -> {bad, "it must be a list of strings"}
    end;
parse(arguments, _) ->
    {bad, "it must be a list of strings"};
parse(_, _) ->
    {bad,
        "there is no such option; there are program, discovery_program, socket, backend, log_level, "
        "arguments"}.

-spec parse_text(term(), fun((string()) -> boolean()), string()) ->
    {ok, string()} | {bad, string()}.
parse_text(Value, IsGood, Must) ->
    case text(Value) of
        [_ | _] = Text ->
            case IsGood(Text) of
                true -> {ok, Text};
                false -> {bad, Must}
            end;
        _ ->
            {bad, Must}
    end.

-spec parse_word(term(), [string()]) -> {ok, string()} | {bad, string()}.
parse_word(Value, Words) when is_atom(Value) ->
    parse_word(atom_to_list(Value), Words);
parse_word(Value, Words) ->
    IsGood = fun(Word) -> lists:member(Word, Words) end,
    parse_text(Value, IsGood, "it must be one of " ++ lists:append(lists:join(", ", Words))).

%% A string of Erlang or Elixir that can be an argument of a program.
-spec text(term()) -> string() | bad.
text(Value) when is_binary(Value) ->
    case unicode:characters_to_list(Value) of
        Text when is_list(Text) -> text(Text);
        _ -> bad
    end;
text(Value) when length(Value) >= 0 ->
    IsFlat = lists:all(fun(C) -> is_integer(C) andalso C > 0 end, Value),
    case IsFlat andalso is_binary(unicode:characters_to_binary(Value)) of
        true -> Value;
        false -> bad
    end;
text(_) ->
    bad.

%% @doc Text as the system takes it: UTF-8, whatever the VM's encoding of file names.
-spec to_bytes(string()) -> binary().
to_bytes(Text) -> <<_/binary>> = unicode:characters_to_binary(Text).
