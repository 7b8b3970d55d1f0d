%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% The callbacks as OTP calls them, without OTP. With it: epmdns_boot_tests.
-module(epmdns_tests).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testlib, [logged/0]).

-define(NODES, #{
    <<"a@b.home">> => {{192, 168, 1, 17}, 4711},
    <<"six@b.home">> => {{16#fd00, 0, 0, 0, 0, 0, 0, 1}, 4712},
    <<"lit@10.0.0.9">> => {{127, 0, 0, 1}, 4713},
    <<"j", 16#fc, "rgen@b.home">> => {{192, 168, 1, 18}, 4714}
}).

%% In all the forms that OTP and others use.
-define(HOSTS, ["b.home", 'b.home', {10, 0, 0, 9}]).

facade_test_() ->
    epmdns_testlib:cases([
        {Title, fun(Path) -> with_agent(Path, Fun) end}
     || {Title, Fun} <- [
            {"the complete answer", fun complete/1},
            {"an unknown node", fun unknown/1},
            {"no agent", fun no_agent/1},
            {"a host part that is an address", fun literal/1},
            {"the older of two versions", fun version/1},
            {"in net_kernel, with one carrier, nobody is asked", fun placeholder/1},
            {"in net_kernel, without an agent, likewise", fun placeholder_without_agent/1},
            {"link-local addresses alone are a line in the log", fun link_local/1},
            {"that a node has another carrier is a line in the log", fun other_carrier/1},
            {"a node that OTP registers without starting us says so", fun not_started/1},
            {"names, of this host and another", fun names/1},
            {"names of a host that is asked for by its long name", fun names_of_short/1},
            {"the port of a node, however its host is called", fun port/1},
            {"whatever is asked, nothing crashes", fun nonsense/1}
        ]
    ]).

with_agent(Path, Fun) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(?NODES)),
    Fun(Fake),
    epmdns_fake:stop(Fake).

complete(_) ->
    [
        ?assertEqual({ok, Ip, Port, 6}, epmdns:address_please(Name, Host, Family))
     || {Name, Host, Family, Ip, Port} <- [
            {"a", "b.home", inet, {192, 168, 1, 17}, 4711},
            {a, 'b.home', inet, {192, 168, 1, 17}, 4711},
            {"six", "b.home", inet6, {16#fd00, 0, 0, 0, 0, 0, 0, 1}, 4712},
            {"j\x{fc}rgen", "b.home", inet, {192, 168, 1, 18}, 4714}
        ]
    ].

unknown(_) ->
    ?assertEqual({error, not_found}, epmdns:address_please("x", "b.home", inet)),
    ?assertEqual({error, not_found}, epmdns:address_please("a", "b.home", inet6)),
    ?assertEqual([], logged()).

no_agent(Fake) ->
    without(Fake, fun() ->
        ?assertEqual({error, unavailable}, epmdns:address_please("a", "b.home", inet)),
        ?assertEqual({error, address}, epmdns:names()),
        ?assertEqual({error, address}, epmdns:names("b.home")),
        ?assertEqual(noport, epmdns:port_please("a", "b.home")),
        ?assertEqual([], logged())
    end).

literal(_) ->
    %% What the network says counts for the port alone.
    ?assertEqual({ok, {10, 0, 0, 9}, 4713, 6}, epmdns:address_please("lit", "10.0.0.9", inet)),
    ?assertEqual({ok, {10, 0, 0, 9}, 4713, 6}, epmdns:address_please("lit", {10, 0, 0, 9}, inet)),
    in_net_kernel(fun() ->
        ?assertEqual({ok, {10, 0, 0, 9}}, epmdns:address_please("lit", "10.0.0.9", inet)),
        ?assertEqual({ok, {0, 0, 0, 0, 0, 0, 0, 9}}, epmdns:address_please("lit", "::9", inet6)),
        ?assertEqual({error, nxdomain}, epmdns:address_please("lit", "::9", inet)),
        ?assertEqual({error, nxdomain}, epmdns:address_please("lit", "10.0.0.9", inet6))
    end).

version(Fake) ->
    [
        begin
            Found = #{address => [<<127, 0, 0, 1>>], port => 1, dist_high => High, dist_low => 5},
            epmdns_fake:script(Fake, epmdns_fake:answering(fun(Id) -> {found, Id, Found} end)),
            ?assertMatch({ok, _, 1, Version}, epmdns:address_please("a", "b.home", inet))
        end
     || {High, Version} <- [{5, 5}, {6, 6}, {7, 6}]
    ].

placeholder(Fake) ->
    in_net_kernel(fun() ->
        ?assertEqual({ok, {127, 0, 0, 1}}, epmdns:address_please("x", "b.home", inet)),
        ?assertEqual({ok, {0, 0, 0, 0, 0, 0, 0, 1}}, epmdns:address_please("x", "b.home", inet6))
    end),
    ?assertEqual([], epmdns_fake:seen(Fake)).

placeholder_without_agent(Fake) ->
    without(Fake, fun() ->
        in_net_kernel(fun() ->
            ?assertEqual({ok, {127, 0, 0, 1}}, epmdns:address_please("x", "b.home", inet))
        end)
    end).

link_local(Fake) ->
    epmdns_fake:script(Fake, epmdns_fake:answering(fun(Id) -> {error, Id, #{code => 10}} end)),
    ?assertEqual({error, only_link_local}, epmdns:address_please("a", "b.home", inet6)),
    [Line] = logged(),
    ?assertMatch("epmdns: only IPv6 link-local addresses of a@b.home are known" ++ _, Line).

other_carrier(Fake) ->
    Where = #{port => 4711, dist_high => 6, dist_low => 5},
    Six = Where#{address => [<<16#fd00:16, 0:96, 7:16>>], carrier => 2},
    epmdns_fake:script(Fake, fun
        (_, {lookup, Id, #{family := 4}}, _) -> [{error, Id, #{code => 9}}];
        (_, {lookup, Id, #{family := 6}}, _) -> [{found, Id, Six}];
        (Connection, Request, Seen) -> epmdns_fake:registry(Connection, Request, Seen)
    end),
    Ask = fun() -> epmdns:address_please("a", "b.home", inet) end,
    ?assertEqual({error, not_found}, Ask()),
    Tls = Where#{address => [<<10, 0, 0, 7>>], carrier => 3},
    epmdns_fake:script(Fake, epmdns_fake:answering(fun(Id) -> {found, Id, Tls} end)),
    ?assertEqual({ok, {10, 0, 0, 7}, 4711, 6}, Ask()),
    ?assertEqual({ok, {10, 0, 0, 7}, 4711, 6}, connecting(Ask)),
    epmdns_fake:script(Fake, epmdns_fake:answering(fun(Id) -> {found, Id, Tls#{carrier => 1}} end)),
    ?assertEqual({ok, {10, 0, 0, 7}, 4711, 6}, connecting(Ask)),
    ?assertEqual(
        [
            "epmdns: a@b.home listens for " ++ Carrier ++ ", which this node does not speak (-proto_dist)"
         || Carrier <- ["inet6_tcp", "inet_tls"]
        ],
        logged()
    ).

not_started(Fake) ->
    {ok, Creation} = epmdns:register_node(alice, 4711, inet_tcp),
    ?assert(Creation >= 4),
    ?assertEqual([], epmdns_fake:seen(Fake)),
    [Line] = logged(),
    ?assertMatch("epmdns: alice@" ++ _, Line),
    ?assertEqual(match, re:run(Line, "is not registered: .*\\(-no_epmd\\)$", [{capture, none}])).

names(Fake) ->
    Expected = [{"a", 4711}, {"j\x{fc}rgen", 4714}, {"lit", 4713}, {"six", 4712}],
    [
        begin
            {ok, Names} = Result,
            ?assertEqual(Expected, lists:sort(Names))
        end
     || Result <- [epmdns:names() | [epmdns:names(Host) || Host <- ?HOSTS]]
    ],
    Hosts = [maps:get(host, Fields, none) || {_, names, Fields} <- epmdns_fake:seen(Fake)],
    ?assertEqual([none, <<"b.home">>, <<"b.home">>, <<"10.0.0.9">>], Hosts),
    epmdns_fake:script(Fake, epmdns_fake:answering(fun(Id) -> {done, Id, #{}} end)),
    ?assertEqual({ok, []}, epmdns:names()),
    epmdns_fake:script(Fake, epmdns_fake:answering(fun(Id) -> {error, Id, #{code => 9}} end)),
    ?assertEqual({error, address}, epmdns:names("nowhere")).

%% The test itself has a short name, or none.
names_of_short(Fake) ->
    epmdns_fake:script(Fake, fun
        (_, {names, Id, #{host := <<"b">>}}, _) -> [{item, Id, #{node => <<"a@b">>, port => 4711}}, {done, Id, #{}}];
        (_, {names, Id, _}, _) -> [{error, Id, #{code => 9}}];
        (Connection, Request, Seen) -> (epmdns_fake:agent(#{}))(Connection, Request, Seen)
    end),
    ?assertEqual({ok, [{"a", 4711}]}, epmdns:names('b.home')),
    ?assertEqual({error, address}, epmdns:names("10.0.0.9")),
    Hosts = [maps:get(host, Fields) || {_, names, Fields} <- epmdns_fake:seen(Fake)],
    ?assertEqual([<<"b.home">>, <<"b">>, <<"10.0.0.9">>], Hosts).

port(_) ->
    [
        ?assertEqual({port, 4711, 6}, epmdns:port_please(Name, Host))
     || Name <- [a, "a"], Host <- ?HOSTS
    ],
    ?assertEqual({port, 4711, 6}, epmdns:port_please("a", "b.home", 1000)),
    ?assertEqual(noport, epmdns:port_please("x", "b.home")),
    ?assertEqual(noport, epmdns:port_please("x", {10, 0, 0, 9})).

nonsense(_) ->
    Long = lists:duplicate(300, $x),
    ?assertEqual({error, nxdomain}, epmdns:address_please(Long, Long, inet)),
    ?assertEqual({error, nxdomain}, epmdns:address_please("x", "\x{20ac}", inet)),
    ?assertEqual({error, nxdomain}, epmdns:address_please("x", "b", local)),
    ?assertEqual({error, nxdomain}, epmdns:address_please(1, 2, 3)),
    ?assertEqual({error, address}, epmdns:names("")),
    ?assertEqual({error, address}, epmdns:names(Long)),
    ?assertEqual(noport, epmdns:port_please(<<"x">>, "b")).

%% Run as what sets up a connection does.
connecting(Fun) ->
    {_, Monitor} = spawn_opt(fun() -> exit({answer, Fun()}) end, [monitor, {priority, max}]),
    receive
        {'DOWN', Monitor, process, _, {answer, Answer}} -> Answer
    end.

%% Run with the name that says "this call blocks the node".
in_net_kernel(Fun) ->
    {Pid, Monitor} = spawn_monitor(fun() ->
        true = register(net_kernel, self()),
        Fun()
    end),
    receive
        {'DOWN', Monitor, process, Pid, Reason} -> ?assertEqual(normal, Reason)
    end.

without(Fake, Fun) ->
    epmdns_lookup:stop(),
    Path = os:getenv("EPMDNS_SOCKET"),
    ok = file:rename(Path, Path ++ ".away"),
    Fun(),
    ok = file:rename(Path ++ ".away", Path),
    ?assert(is_process_alive(Fake)).
