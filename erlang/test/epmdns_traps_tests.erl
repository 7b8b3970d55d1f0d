%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% What breaks discovery modules, one test a trap, each on a real VM. Traps whose number is not here
%% are shown elsewhere or are not ours to fall into:
%%
%%  7, 8  OTP 21 to 24.1 resolve the host part themselves, TLS on 23 ignores our address
%% 13     a global ERL_FLAGS where the module is not installed: epmdns-erlang(7) warns of it
%% 14     `-epmd_module' twice is silently ignored up to OTP 23
%% 17     `-start_epmd false' is needed too: tests/integration/claims.py, no epmd runs
%% 18     helper nodes are not advertised: tests/unit/test_node.c, tests/integration
%% 19     what an epmd answers: we ask one by OTP's erl_epmd, and are none (epmdns_epmd_tests)
-module(epmdns_traps_tests).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testvm, [start/1, release/3, node/2, inside/2, said/1, output/1, close/1]).

-define(ALICE, "alice@a.home").

traps_test_() ->
    Cases = [
        {1, "all that is called is there, in every arity", fun arities/1},
        {2, "nothing is resolved at boot", fun no_resolver/1},
        {3, "without a file server there are random numbers all the same", fun random/1},
        {4, "the end of any process but the guard is survived", fun processes/1},
        {5, "a crash where net_kernel asks is survived", fun crash/1},
        {6, "net_kernel and the connecting process hear the same", fun same/1},
        {9, "names and hosts may be atoms, strings and addresses", fun types/1},
        {10, "the creation is the agent's, or random, and crypto is not loaded for it", fun creation/1},
        {11, "the version is the highest that both speak", fun version/1},
        {12, "a release in embedded mode finds the module", fun embedded/1},
        {15, "helpers do not get the port of the node they help", fun helpers/1},
        {16, "whatever happens inside, registering gives a creation", fun shape/1},
        {20, "names are resolved where a connection is set up", fun resolver/1}
    ],
    epmdns_testlib:cases([
        {lists:concat(["trap ", Number, ": ", Title]), Fun}
     || {Number, Title, Fun} <- Cases
    ]).

arities(_) ->
    Callbacks = [
        {start_link, 0}, {listen_port_please, 2}, {register_node, 2}, {register_node, 3},
        {address_please, 3}, {port_please, 2}, {port_please, 3}, {names, 0}, {names, 1}, {stop, 0}
    ],
    Asked = [{erlang, function_exported, [epmdns, Name, Arity]} || {Name, Arity} <- Callbacks],
    ?assertEqual([true || _ <- Callbacks], in_node(inside(apply_all, [Asked]))).

no_resolver(_) ->
    Asked = inside(apply, [erlang, whereis, [inet_gethost_native]]),
    ?assertEqual(undefined, in_node(Asked)).

random(Path) ->
    Fake = epmdns_fake:start(Path),
    _ = [in_node(inside(say, [up])) || _ <- [1, 2]],
    Seen = epmdns_fake:seen(Fake),
    ?assertMatch([Owner, Other] when Owner =/= Other, values(hello, owner, Seen)),
    ?assertMatch([Creation, Other] when Creation =/= Other, values(register, creation, Seen)),
    epmdns_fake:stop(Fake).

processes(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:registry/3),
    A = node(?ALICE, inside(outlive, [])),
    ?assertEqual({pang, list_to_atom(?ALICE)}, said(A)),
    epmdns_fake:await(Fake, fun(Seen) -> length(values(register, node, Seen)) >= 2 end),
    close(A),
    %% The guard itself is to net_sup what erl_epmd is: OTP ends the VM with either.
    ?assertMatch({1, _}, output(start(["-name", ?ALICE | inside(kill, [epmdns_guard])]))),
    epmdns_fake:stop(Fake).

crash(Path) ->
    Fake = epmdns_fake:start(Path),
    TwoCarriers = ["-proto_dist", "inet_tcp", "inet6_tcp"],
    A = node(?ALICE, TwoCarriers ++ inside(ping_without, [epmdns_lookup, 'bob@b.home'])),
    ?assertEqual({pang, list_to_atom(?ALICE)}, said(A)),
    close(A),
    epmdns_fake:stop(Fake).

same(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(#{<<"b@h">> => {{10, 0, 0, 7}, 4711}})),
    TwoCarriers = ["-proto_dist", "inet_tcp", "inet6_tcp"],
    Answers = in_node(TwoCarriers ++ inside(ask_as_both, ["b", "h"])),
    Found = {ok, {10, 0, 0, 7}, 4711, 6},
    ?assertEqual([{inet6, {error, nxdomain}}, {inet, Found}, {inet, Found}], Answers),
    epmdns_fake:stop(Fake).

types(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(#{<<"b@h">> => {{10, 0, 0, 7}, 4711}})),
    Asked =
        [{epmdns, address_please, [Name, Host, inet]} || Name <- [b, "b"], Host <- [h, "h"]] ++
            [{epmdns, port_please, [Name, Host]} || Name <- [b, "b"], Host <- [h, "h", {10, 0, 0, 7}]],
    ?assertEqual(
        [{ok, {10, 0, 0, 7}, 4711, 6} || _ <- lists:seq(1, 4)] ++
            [{port, 4711, 6} || _ <- lists:seq(1, 6)],
        in_node(inside(apply_all, [Asked]))
    ),
    epmdns_fake:stop(Fake).

creation(Path) ->
    Asked = inside(apply_all, [[{erlang, system_info, [creation]}, {code, is_loaded, [crypto]}]]),
    [Alone, false] = in_node(Asked),
    ?assert(Alone >= 4),
    Fake = epmdns_fake:start(Path, fun
        (_, {register, Id, _}, _) -> [{registered, Id, #{creation => 77777, revision => 5}}];
        (_, {_, Id, _}, _) -> [{welcome, Id, #{version => 1}}]
    end),
    ?assertEqual([77777, false], in_node(Asked)),
    epmdns_fake:stop(Fake).

version(Path) ->
    Asked = inside(apply, [epmdns, address_please, ["b", "h", inet]]),
    [
        begin
            Found = #{address => [<<10, 0, 0, 7>>], port => 1, dist_high => High, dist_low => 5},
            Fake = epmdns_fake:start(Path, epmdns_fake:answering(fun(Id) -> {found, Id, Found} end)),
            ?assertEqual({ok, {10, 0, 0, 7}, 1, Expected}, in_node(Asked)),
            epmdns_fake:stop(Fake)
        end
     || {High, Expected} <- [{5, 5}, {7, 6}]
    ].

embedded(Path) ->
    Fake = epmdns_fake:start(Path),
    Says = ["-eval", "io:format(\"said: ~0p.~n\", [{node(), code:get_mode()}])."],
    Vm = release(filename:dirname(Path), [{socket, Path}], ["-name", ?ALICE | Says]),
    ?assertEqual({list_to_atom(?ALICE), embedded}, said(Vm)),
    ?assertEqual([<<?ALICE>>], values(register, node, epmdns_fake:seen(Fake))),
    close(Vm),
    epmdns_fake:stop(Fake).

helpers(Path) ->
    Fake = epmdns_fake:start(Path),
    Flags = ["-erl_epmd_port", integer_to_list(epmdns_testvm:free_port())],
    Helpers = ["rpc-1a2b-alice@a.home", "rem-0f-alice@a.home", "remsh1A-alice@a.home", "maint9-x@a.home"],
    Vms = [node(Name, Flags) || Name <- [?ALICE | Helpers]],
    [Port | Ports] = values(register, port, epmdns_fake:seen(Fake)),
    ?assertEqual(Port, list_to_integer(lists:last(Flags))),
    ?assertEqual(length(Helpers), length(lists:usort(Ports -- [Port]))),
    [close(Vm) || Vm <- Vms],
    epmdns_fake:stop(Fake).

shape(Path) ->
    Fake = epmdns_fake:start(Path),
    Vm = start(inside(start_with_crashes, [list_to_atom(?ALICE)])),
    ?assertMatch([_ | _], said(Vm)),
    close(Vm),
    epmdns_fake:stop(Fake).

resolver(_) ->
    %% There is no epmd at that port, but the host is resolved, at the price of a refused connection.
    Flags = ["-epmdns_fallback", "true", "-epmd_port", integer_to_list(epmdns_testvm:free_port())],
    Answers = in_node(Flags ++ inside(ping_and_resolver, ['x@localhost.'])),
    ?assertMatch({pang, true}, Answers).

%% What a node says that boots with these flags.
in_node(Flags) ->
    Vm = start(["-name", ?ALICE | Flags]),
    Said = said(Vm),
    close(Vm),
    Said.

values(Op, Field, Seen) ->
    [Value || {_, O, #{Field := Value}} <- Seen, O =:= Op].
