%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc What the user configured.
%%
%% A key is looked for in three places, and the first good value counts: the flag `-epmdns_KEY
%% VALUE' (its last occurrence), the environment variable `EPMDNS_KEY', the application environment
%% of `epmdns' (which is there at boot in releases). A bad value is logged, with what it must be, and
%% treated as if it were absent; so is a flag `-epmdns_KEY' of no such key.
%%
%% There is never a flag spelled `-epmdns': OTP parses `-Application Key Value' as Erlang terms when
%% it loads the application, and a release with epmdns in it would then die at boot
%% (application_controller.erl).
%%
%% <table border="1">
%% <tr><th>key</th><th>value</th><th>default</th></tr>
%% <tr><td>socket</td><td>path of the agent's socket, the only one then tried</td>
%%     <td>$XDG_RUNTIME_DIR/epmdns/socket, then /run/epmdns/socket</td></tr>
%% <tr><td>cluster</td><td>name of the cluster, 1 to 62 bytes</td><td>none</td></tr>
%% <tr><td>tags</td><td>key=value,key=value: published with the node</td><td>none</td></tr>
%% <tr><td>fallback</td><td>true or false: ask epmd for what epmdns does not know</td>
%%     <td>true</td></tr>
%% <tr><td>epmd</td><td>true or false: register with an epmd of this machine, too, if one runs</td>
%%     <td>false</td></tr>
%% </table>
-module(epmdns_config).

-include_lib("kernel/include/logger.hrl").

-export([load/0, value/1, sockets/0]).
-export([parse/2, unknown_flags/1]).
-export_type([key/0]).

-define(SNAPSHOT, {epmdns, config}).
-define(SYSTEM_SOCKET, "/run/epmdns/socket").
%% sun_path has 108 bytes with its NUL (unix(7)).
-define(PATH_MAX, 107).
-define(CLUSTER_MAX, 62).
-define(TAGS_MAX, 16).
-define(TAGS_BYTES_MAX, 200).
-define(TAG_KEY_MAX, 32).
%% The keys of epmdns's own TXT record.
-define(RESERVED, ["txtvers", "n", "h", "cr", "rv", "v", "p", "c", "f", "ip", "id"]).

-type key() :: socket | cluster | tags | fallback | epmd.

%% @doc Read everything once and keep it where any process finds it without a message. A start of
%% the distribution reads anew; an unchanged value costs persistent_term nothing.
-spec load() -> ok.
load() ->
    lists:foreach(
        fun(Flag) -> ?LOG_WARNING("epmdns: ignoring the flag -~ts: there is no such setting", [Flag]) end,
        unknown_flags(init:get_arguments())
    ),
    persistent_term:put(?SNAPSHOT, maps:from_list([{Key, read(Key)} || Key <- keys()])).

%% @doc The value of a key.
-spec value(socket) -> string() | default;
           (cluster) -> binary() | default;
           (tags) -> [binary()];
           (fallback | epmd) -> boolean().
value(Key) ->
    case persistent_term:get(?SNAPSHOT, undefined) of
        #{Key := Value} -> Value;
        undefined -> read(Key)
    end.

%% @doc The sockets where an agent may listen, best first.
-spec sockets() -> [string(), ...].
sockets() ->
    case {value(socket), os:getenv("XDG_RUNTIME_DIR", "")} of
        {default, ""} -> [?SYSTEM_SOCKET];
        {default, Runtime} -> [Runtime ++ "/epmdns/socket", ?SYSTEM_SOCKET];
        {Path, _} -> [Path]
    end.

-spec keys() -> [key()].
keys() -> [socket, cluster, tags, fallback, epmd].

-spec default(key()) -> term().
default(socket) -> default;
default(cluster) -> default;
default(tags) -> [];
default(fallback) -> true;
default(epmd) -> false.

-spec flag(key()) -> atom().
flag(socket) -> epmdns_socket;
flag(cluster) -> epmdns_cluster;
flag(tags) -> epmdns_tags;
flag(fallback) -> epmdns_fallback;
flag(epmd) -> epmdns_epmd.

-spec variable(key()) -> string().
variable(socket) -> "EPMDNS_SOCKET";
variable(cluster) -> "EPMDNS_CLUSTER";
variable(tags) -> "EPMDNS_TAGS";
variable(fallback) -> "EPMDNS_FALLBACK";
variable(epmd) -> "EPMDNS_EPMD".

-spec read(key()) -> term().
read(Key) ->
    first_good(Key, [
        {flag, from_flag(Key)},
        {variable, from_variable(Key)},
        {application, from_application(Key)}
    ]).

-spec first_good(key(), [{atom(), {ok, term()} | none}]) -> term().
first_good(Key, [{_, none} | Sources]) ->
    first_good(Key, Sources);
first_good(Key, [{Source, {ok, Raw}} | Sources]) ->
    case parse(Key, Raw) of
        {ok, Value} ->
            Value;
        bad ->
            ?LOG_WARNING("epmdns: ignoring ~0tp of ~ts, which must be ~ts", [
                Raw, name(Source, Key), good(Key)
            ]),
            first_good(Key, Sources)
    end;
first_good(Key, []) ->
    default(Key).

%% In the words of epmdns-erlang(7).
-spec good(key()) -> string().
good(socket) -> "a path of 1 to 107 bytes";
good(cluster) -> "1 to 62 printable ASCII characters";
good(tags) -> "key=value,key=value, up to 16 and 200 bytes in all";
good(fallback) -> "true or false";
good(epmd) -> "true or false".

-spec name(atom(), key()) -> string().
name(flag, Key) -> [$- | atom_to_list(flag(Key))];
name(variable, Key) -> variable(Key);
name(application, Key) -> "the application's " ++ atom_to_list(Key).

-spec from_flag(key()) -> {ok, term()} | none.
from_flag(Key) ->
    case init:get_argument(flag(Key)) of
        {ok, Occurrences} ->
            case lists:last(Occurrences) of
                [Value] -> {ok, Value};
                NotOne -> {ok, NotOne}
            end;
        error ->
            none
    end.

%% @private The flags that are meant for us, and that we do not know.
-spec unknown_flags([{atom(), [string()]}]) -> [string()].
unknown_flags(Arguments) ->
    Ours = [atom_to_list(Flag) || {Flag, _} <- Arguments],
    Known = [atom_to_list(flag(Key)) || Key <- keys()],
    lists:usort([Flag || "epmdns_" ++ _ = Flag <- Ours, not lists:member(Flag, Known)]).

-spec from_variable(key()) -> {ok, string()} | none.
from_variable(Key) ->
    %% As with EPMDNS_SOCKET in the agent and the command, empty is the same as absent.
    case os:getenv(variable(Key), "") of
        "" -> none;
        Value -> {ok, Value}
    end.

-spec from_application(key()) -> {ok, term()} | none.
from_application(Key) ->
    case application:get_env(epmdns, Key) of
        {ok, Value} -> {ok, Value};
        undefined -> none
    end.

%% @private What a value means; it is text, or what an application environment may hold besides.
-spec parse(key(), term()) -> {ok, term()} | bad.
parse(Key, Value) when is_boolean(Value), Key =:= fallback orelse Key =:= epmd ->
    {ok, Value};
parse(tags, [{_, _} | _] = Pairs) ->
    tags([pair(Pair) || Pair <- Pairs]);
parse(tags, []) ->
    {ok, []};
parse(Key, Value) ->
    case to_text(Value) of
        bad -> bad;
        Text -> parse_text(Key, Text)
    end.

-spec parse_text(key(), binary()) -> {ok, term()} | bad.
parse_text(Key, <<"true">>) when Key =:= fallback; Key =:= epmd ->
    {ok, true};
parse_text(Key, <<"false">>) when Key =:= fallback; Key =:= epmd ->
    {ok, false};
parse_text(socket, Path) when Path =/= <<>>, byte_size(Path) =< ?PATH_MAX ->
    {ok, unicode:characters_to_list(Path)};
parse_text(cluster, Cluster) when Cluster =/= <<>>, byte_size(Cluster) =< ?CLUSTER_MAX ->
    case is_printable(binary_to_list(Cluster)) of
        true -> {ok, Cluster};
        false -> bad
    end;
parse_text(tags, <<>>) ->
    {ok, []};
parse_text(tags, Tags) ->
    tags(binary:split(Tags, <<",">>, [global]));
parse_text(_, _) ->
    bad.

-spec to_text(term()) -> binary() | bad.
to_text(Value) when is_atom(Value) ->
    atom_to_binary(Value, utf8);
to_text(Value) when is_binary(Value) ->
    to_text(unicode:characters_to_list(Value));
to_text(Value) when is_list(Value) ->
    %% A flat string: `-epmdns_KEY a b' arrives as a list of two.
    IsFlat = lists:all(fun(C) -> is_integer(C) andalso C > 0 end, Value),
    case IsFlat andalso unicode:characters_to_binary(Value) of
        Text when is_binary(Text) -> Text;
        _ -> bad
    end;
to_text(_) ->
    bad.

-spec pair({term(), term()}) -> binary() | bad.
pair({Key, Value}) ->
    case {to_text(Key), to_text(Value)} of
        {K, V} when is_binary(K), is_binary(V) -> <<K/binary, $=, V/binary>>;
        _ -> bad
    end.

-spec tags([binary() | bad]) -> {ok, [binary()]} | bad.
tags(Tags) ->
    Keys = [tag_key(Tag) || Tag <- Tags],
    Good =
        length(Tags) =< ?TAGS_MAX andalso
            not lists:member(bad, Keys) andalso
            length(lists:usort(Keys)) =:= length(Keys) andalso
            iolist_size(Tags) =< ?TAGS_BYTES_MAX,
    case Good of
        true -> {ok, Tags};
        false -> bad
    end.

%% A key has 1 to 32 printable ASCII characters other than "="; case is ignored (RFC 6763 §6.4). One that
%% begins with "_" is kept for later versions. A value has no control characters.
-spec tag_key(binary() | bad) -> string() | bad.
tag_key(bad) ->
    bad;
tag_key(Tag) ->
    case binary:split(Tag, <<"=">>) of
        [<<"_", _/binary>>, _] ->
            bad;
        [Key, Value] when Key =/= <<>>, byte_size(Key) =< ?TAG_KEY_MAX ->
            Text = string:to_lower(binary_to_list(Key)),
            HasControl = lists:any(fun(C) -> C < $\s orelse C =:= 127 end, binary_to_list(Value)),
            case is_printable(Text) andalso not HasControl andalso not lists:member(Text, ?RESERVED) of
                true -> Text;
                false -> bad
            end;
        _ ->
            bad
    end.

-spec is_printable([byte()]) -> boolean().
is_printable(Text) -> lists:all(fun(C) -> C >= $\s andalso C =< $~ end, Text).
