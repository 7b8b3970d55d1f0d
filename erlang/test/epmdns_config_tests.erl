%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

-module(epmdns_config_tests).

-include_lib("eunit/include/eunit.hrl").

-define(VARIABLES, [
    "EPMDNS_SOCKET",
    "EPMDNS_CLUSTER",
    "EPMDNS_TAGS",
    "EPMDNS_FALLBACK",
    "EPMDNS_EPMD",
    "XDG_RUNTIME_DIR"
]).

parse_test_() ->
    Cluster = lists:duplicate(62, $c),
    Long = lists:duplicate(198, $v),
    Title = fun(Key, Value) -> lists:flatten(io_lib:format("~p ~0tp", [Key, Value])) end,
    [
        {Title(Key, Value), ?_assertEqual(Expected, epmdns_config:parse(Key, Value))}
     || {Key, Value, Expected} <- [
            {socket, "/run/x", {ok, "/run/x"}},
            {socket, <<"/run/x">>, {ok, "/run/x"}},
            {socket, '/run/x', {ok, "/run/x"}},
            {socket, "", bad},
            {socket, "a\0b", bad},
            {socket, lists:duplicate(108, $p), bad},
            {socket, 4369, bad},
            {socket, ["two", "values"], bad},
            {socket, <<255, 254>>, bad},
            {cluster, [16#d800], bad},
            {cluster, [a | b], bad},
            {cluster, "kitchen", {ok, <<"kitchen">>}},
            {cluster, kitchen, {ok, <<"kitchen">>}},
            {cluster, "k\x{fc}che", bad},
            {cluster, "two\twords", bad},
            {cluster, Cluster, {ok, list_to_binary(Cluster)}},
            {cluster, [$c | Cluster], bad},
            {cluster, "", bad},
            {cluster, {a, b}, bad},
            {fallback, "true", {ok, true}},
            {fallback, "false", {ok, false}},
            {fallback, false, {ok, false}},
            {fallback, <<"true">>, {ok, true}},
            {fallback, "yes", bad},
            {fallback, [], bad},
            {epmd, "true", {ok, true}},
            {epmd, false, {ok, false}},
            {epmd, "4369", bad},
            {tags, "", {ok, []}},
            {tags, <<>>, {ok, []}},
            {tags, "role=web", {ok, [<<"role=web">>]}},
            {tags, "role=web,zone=", {ok, [<<"role=web">>, <<"zone=">>]}},
            {tags, "a=b=c", {ok, [<<"a=b=c">>]}},
            {tags, [{role, "web"}, {"zone", <<"1">>}], {ok, [<<"role=web">>, <<"zone=1">>]}},
            {tags, [{role, 1}], bad},
            {tags, "role", bad},
            {tags, "_later=1", bad},
            {tags, "role=a\tb", bad},
            {tags, "=web", bad},
            {tags, "role=web,", bad},
            {tags, "role=web,Role=db", bad},
            {tags, "txtvers=2", bad},
            {tags, "CR=2", bad},
            {tags, "\x{e4}=1", bad},
            {tags, lists:duplicate(33, $k) ++ "=1", bad},
            {tags, [$k, $= | Long], {ok, [list_to_binary([$k, $= | Long])]}},
            {tags, [$k, $=, $v | Long], bad},
            {tags, lists:flatten(lists:join($,, [[K, $=] || K <- lists:seq($A, $A + 16)])), bad}
        ]
    ].

unknown_flags_are_found_test() ->
    Flags = [root, epmdns_cluster, epmdns_clutser, epmdns_cookie, epmdns, epmdns_clutser, epmdns_],
    ?assertEqual(
        ["epmdns_", "epmdns_clutser", "epmdns_cookie"],
        epmdns_config:unknown_flags([{Flag, ["value"]} || Flag <- Flags])
    ).

sources_test_() ->
    {foreach, fun setup/0, fun cleanup/1, [
        {"nothing is configured", fun() ->
            ?assertEqual(default, epmdns_config:value(socket)),
            ?assertEqual(default, epmdns_config:value(cluster)),
            ?assertEqual([], epmdns_config:value(tags)),
            ?assertEqual(true, epmdns_config:value(fallback)),
            ?assertEqual(false, epmdns_config:value(epmd)),
            ?assertEqual(["/run/epmdns/socket"], epmdns_config:sockets())
        end},
        {"a user's agent comes before the system's", fun() ->
            true = os:putenv("XDG_RUNTIME_DIR", "/run/user/7"),
            Expected = ["/run/user/7/epmdns/socket", "/run/epmdns/socket"],
            ?assertEqual(Expected, epmdns_config:sockets())
        end},
        {"a configured socket is the only one", fun() ->
            true = os:putenv("XDG_RUNTIME_DIR", "/run/user/7"),
            true = os:putenv("EPMDNS_SOCKET", "/tmp/s"),
            ?assertEqual(["/tmp/s"], epmdns_config:sockets())
        end},
        {"the variable comes before the application", fun() ->
            ok = application:set_env(epmdns, cluster, "app"),
            ?assertEqual(<<"app">>, epmdns_config:value(cluster)),
            true = os:putenv("EPMDNS_CLUSTER", "env"),
            ?assertEqual(<<"env">>, epmdns_config:value(cluster))
        end},
        {"an empty variable is none", fun() ->
            ok = application:set_env(epmdns, cluster, "app"),
            true = os:putenv("EPMDNS_CLUSTER", ""),
            ?assertEqual(<<"app">>, epmdns_config:value(cluster))
        end},
        {"a bad value is as good as none", fun() ->
            ok = application:set_env(epmdns, fallback, false),
            true = os:putenv("EPMDNS_FALLBACK", "perhaps"),
            ?assertEqual(false, epmdns_config:value(fallback))
        end},
        {"what was loaded is kept until the next load", fun() ->
            ok = epmdns_config:load(),
            ok = application:set_env(epmdns, cluster, "later"),
            ?assertEqual(default, epmdns_config:value(cluster)),
            ok = epmdns_config:load(),
            ?assertEqual(<<"later">>, epmdns_config:value(cluster))
        end}
    ]}.

setup() ->
    Level = logger:get_primary_config(),
    ok = logger:set_primary_config(level, none),
    Before = [{Name, os:getenv(Name)} || Name <- ?VARIABLES],
    [true = os:unsetenv(Name) || Name <- ?VARIABLES],
    _ = persistent_term:erase({epmdns, config}),
    {Level, Before}.

cleanup({Level, Before}) ->
    [os:unsetenv(Name) || {Name, false} <- Before],
    [os:putenv(Name, Value) || {Name, [_ | _] = Value} <- Before],
    [application:unset_env(epmdns, Key) || Key <- [socket, cluster, tags, fallback, epmd]],
    _ = persistent_term:erase({epmdns, config}),
    logger:set_primary_config(Level).
