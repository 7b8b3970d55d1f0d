%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% Real virtual machines with epmdns as their discovery module, against a scripted agent.
-module(epmdns_boot_tests).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testvm, [start/1, start/2, plain/2, node/2, inside/2, said/1, output/1, close/1]).
-import(epmdns_testvm, [release/3, free_port/0, until_line/2, lines_with/2, logged/1]).

%% Unknown nodes asked for at once may not keep net_kernel longer than one late answer.
-define(NET_KERNEL_MS, 250).
-define(TRIES, 5).
-define(ALICE, "alice@a.home").
-define(BOB, "bob@b.home").
-define(LOOPBACK, {127, 0, 0, 1}).

boot_test_() ->
    epmdns_testlib:cases([
        {"a node registers what it is", fun registers/1},
        {"a name that is taken stops the boot", fun duplicate/1},
        {"two nodes connect by address", fun connects_by_address/1},
        {"net_kernel:stop/0 unregisters before it returns, 50 times", fun stop_start/1},
        {"epmdns:start/2 needs no name, and flags only where OTP has no parameter", fun start_later/1},
        {"init:stop/0 unregisters", fun init_stop/1},
        {"init:restart/0 registers again", fun init_restart/1},
        {"each key is read as flag, variable and environment of a release", fun settings/1},
        {"each bad value is a line in the log", fun bad_settings/1},
        {"so is a flag of no such setting", fun unknown_setting/1},
        {"epmd is asked for what epmdns does not know", fun fallback/1}
    ]).

%% OTP 21 to 24.1 resolve a peer's host part themselves before they ask us (OTP-17809).
select_test_() ->
    Cases = [
        {"two nodes connect that no DNS knows", fun connects/1},
        {"a node with two carriers connects over the one that its peer has", fun two_carriers/1},
        {"an unknown node is a pang, and net_kernel is free meanwhile", fun unknown/1},
        {"net_kernel with two carriers waits once for a silent agent", fun silent_lookup/1},
        {"a failed connect is a hint", fun hint/1},
        {"a node that does not listen looks up nodes all the same", fun no_listen/1}
    ],
    epmdns_testlib:cases([Case || Case <- Cases, epmdns_testlib:release() >= 25]).

registers(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:registry/3),
    Is = ["-sname", "self@here", "-hidden", "-kernel", "inet_dist_use_interface", "{127,0,0,1}"],
    Says = ["-epmdns_cluster", "kitchen", "-epmdns_tags", "role=oven,zone=1"],
    Vm = start(Is ++ Says ++ inside(apply, [erlang, system_info, [creation]])),
    Creation = said(Vm),
    [Fields] = registrations(Fake),
    ?assertMatch(
        #{
            node := <<"self@here">>,
            carrier := 1,
            flags := 1,
            cluster := <<"kitchen">>,
            tag := [<<"role=oven">>, <<"zone=1">>],
            bound := <<127, 0, 0, 1>>,
            creation := Creation
        },
        Fields
    ),
    close(Vm),
    epmdns_fake:await(Fake, fun(Seen) -> lists:member({1, closed}, Seen) end),
    epmdns_fake:stop(Fake).

registrations(Fake) ->
    [Fields || {_, register, Fields} <- epmdns_fake:seen(Fake)].

duplicate(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:refusing(7)),
    {Status, Output} = output(start(["-name", ?ALICE])),
    ?assertEqual(1, Status),
    ?assertMatch([_ | _], lines_with("seems to be in use", Output)),
    epmdns_fake:stop(Fake).

connects(Path) ->
    connects(Path, "alice@no.such.host.example", 'bob@nor.this.one.example').

connects_by_address(Path) ->
    connects(Path, "alice@127.0.0.1", 'bob@127.0.0.1').

connects(Path, Alice, Bob) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:registry/3),
    B = node(atom_to_list(Bob), []),
    A = node(Alice, inside(apply_all, [[{net_adm, ping, [Bob]}, {erlang, nodes, []}]])),
    ?assertEqual([pong, [Bob]], said(A)),
    [close(Vm) || Vm <- [A, B]],
    epmdns_fake:stop(Fake).

two_carriers(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:registry/3),
    B4 = node("four@b.home", []),
    B6 = node("six@b.home", ["-proto_dist", "inet6_tcp"]),
    Pings = [{net_adm, ping, [Node]} || Node <- ['four@b.home', 'six@b.home', 'x@b.home']],
    A = node(?ALICE, ["-proto_dist", "inet_tcp", "inet6_tcp" | inside(apply_all, [Pings])]),
    ?assertEqual([pong, pong, pang], said(A)),
    Carriers = [Carrier || #{node := <<?ALICE>>, carrier := Carrier} <- registrations(Fake)],
    ?assertEqual([1, 2], lists:sort(Carriers)),
    [close(Vm) || Vm <- [A, B4, B6]],
    epmdns_fake:stop(Fake).

unknown(Path) ->
    free_net_kernel(Path, []).

silent_lookup(Path) ->
    free_net_kernel(Path, ["-proto_dist", "inet_tcp", "inet6_tcp"]).

%% The agent answers no lookup, as one that hangs, or still asks the network. The best of a few times
%% counts, for the machine may be busy with other things.
free_net_kernel(Path, Flags) ->
    Fake = epmdns_fake:start(Path, fun
        (_, {lookup, _, _}, _) -> [];
        (Connection, Request, Seen) -> epmdns_fake:registry(Connection, Request, Seen)
    end),
    ?assert(lists:any(fun(_) -> delay_ms(Flags) =< ?NET_KERNEL_MS end, lists:seq(1, ?TRIES))),
    epmdns_fake:stop(Fake).

delay_ms(Flags) ->
    A = node(?ALICE, Flags ++ inside(connect_all, ["b.home"])),
    {[false], Ms} = said(A),
    close(A),
    Ms.

hint(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(#{<<?BOB>> => {?LOOPBACK, free_port()}})),
    A = node(?ALICE, inside(apply, [net_adm, ping, [list_to_atom(?BOB)]])),
    ?assertEqual(pang, said(A)),
    epmdns_fake:await(Fake, fun(Seen) ->
        [Node || {_, hint, #{node := Node}} <- Seen] =:= [<<?BOB>>]
    end),
    close(A),
    epmdns_fake:stop(Fake).

stop_start(Path) ->
    %% A name that is not free when stop/0 has returned is a duplicate.
    Fake = epmdns_fake:start(Path, fun
        (Connection, {register, _, _} = Request, Seen) ->
            Kinds = [Op || {_, Op, _} <- Seen, Op =/= hello],
            case Kinds of
                [register | _] -> (epmdns_fake:refusing(7))(Connection, Request, Seen);
                _ -> epmdns_fake:registry(Connection, Request, Seen)
            end;
        (Connection, Request, Seen) ->
            epmdns_fake:registry(Connection, Request, Seen)
    end),
    Vm = start(inside(stop_start, [list_to_atom(?ALICE), 50])),
    ?assertEqual(50, said(Vm)),
    close(Vm),
    epmdns_fake:stop(Fake).

start_later(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:registry/3),
    Node = list_to_atom(?ALICE),
    Start = inside(start, [?ALICE, #{}]),
    Flagged = start(Start),
    ?assertEqual({Node, undefined}, said(Flagged)),
    close(Flagged),
    epmdns_fake:await(Fake, fun(Seen) -> lists:member({1, closed}, Seen) end),
    Plain = plain(["-pa", filename:dirname(code:where_is_file("epmdns.beam")) | Start], []),
    Expected =
        case epmdns_testlib:kernel() >= [10, 2] of
            true -> {Node, {ok, epmdns}};
            false -> {{error, needs_flags}, undefined}
        end,
    ?assertEqual(Expected, said(Plain)),
    close(Plain),
    epmdns_fake:stop(Fake).

init_stop(Path) ->
    Fake = epmdns_fake:start(Path),
    ?assertMatch({0, _}, output(start(["-name", ?ALICE, "-s", "init", "stop"]))),
    ?assert(lists:keymember(unregister, 2, epmdns_fake:seen(Fake))),
    epmdns_fake:stop(Fake).

init_restart(Path) ->
    Fake = epmdns_fake:start(Path),
    Vm = start(["-name", ?ALICE | inside(restart_once, [])]),
    ?assertEqual(restarted, said(Vm)),
    Ops = [Op || {_, Op, _} <- epmdns_fake:seen(Fake)],
    ?assertEqual([hello, register, unregister, hello, register], Ops),
    close(Vm),
    epmdns_fake:stop(Fake).

%% Each key in each of the three places: the last flag, a variable, a release's environment.
settings(Path) ->
    Directory = filename:dirname(Path),
    Values = [{socket, Path}, {cluster, "kitchen"}, {tags, "role=oven,zone=1"}]
        ++ [{fallback, "false"}, {epmd, "true"}],
    Expected = [Path, <<"kitchen">>, [<<"role=oven">>, <<"zone=1">>], false, true],
    Keys = [Key || {Key, _} <- Values],
    First = lists:append([[flag(Key), "of-no-interest"] || Key <- Keys]),
    Last = lists:append([[flag(Key), Value] || {Key, Value} <- Values]),
    Variables = [{variable(Key), Value} || {Key, Value} <- Values],
    Ask = inside(apply_all, [[{epmdns_config, value, [Key]} || Key <- Keys]]),
    Bad = "bad,value",
    [
        begin
            ?assertEqual({Place, Expected}, {Place, said(Vm)}),
            close(Vm)
        end
     || {Place, Vm} <- [
            {flag, start(["-name", ?ALICE | Ask] ++ First ++ Last)},
            {flag_before_variable, start(["-name", ?ALICE | Ask] ++ Last, [{V, Bad} || {V, _} <- Variables])},
            {variable, start(["-name", ?ALICE, "-epmdns_fallback", Bad | Ask], Variables)},
            {release, release(Directory, Values, ["-name", ?ALICE | release_says(Keys)])}
        ]
    ].

%% A value that is bad in every place is named in the log for each, and the node runs.
bad_settings(Path) ->
    Directory = filename:dirname(Path),
    Bad = [{socket, lists:duplicate(108, $/)}, {cluster, "\t"}, {tags, "no-value"}]
        ++ [{fallback, "yes"}, {epmd, "4369"}],
    Keys = [Key || {Key, _} <- Bad],
    Flags = lists:append([[flag(Key), Value] || {Key, Value} <- Bad]),
    Variables = [{variable(Key), Value} || {Key, Value} <- Bad],
    Runs = [
        {start(["-name", ?ALICE | Flags] ++ inside(say, [up])), fun(Key) -> flag(Key) end},
        {start(["-name", ?ALICE, "-epmdns_fallback", "?" | inside(say, [up])], Variables), fun variable/1},
        {release(Directory, Bad, ["-name", ?ALICE | release_says([])]), fun(Key) ->
            "the application's " ++ atom_to_list(Key)
        end}
    ],
    [
        begin
            Lines = logged(until_line(Vm, "said: ")),
            Named = [Key || Key <- Keys, lists:any(fun(Line) -> complains(Line, Name(Key)) end, Lines)],
            Unnamed = Keys -- Named,
            ?assert(Unnamed =:= [] orelse {Unnamed, Lines}),
            close(Vm)
        end
     || {Vm, Name} <- Runs
    ].

unknown_setting(_) ->
    Vm = start(["-name", ?ALICE, "-epmdns_clutser", "kitchen" | inside(say, [up])]),
    Lines = logged(until_line(Vm, "said: ")),
    ?assert(lists:any(fun(Line) -> string:find(Line, " flag -epmdns_clutser: ") =/= nomatch end, Lines) orelse Lines),
    close(Vm).

complains(Line, Name) ->
    string:find(Line, " of " ++ Name ++ ", which must be ") =/= nomatch.

flag(Key) -> "-epmdns_" ++ atom_to_list(Key).

variable(Key) -> "EPMDNS_" ++ string:uppercase(atom_to_list(Key)).

release_says(Keys) ->
    Text = "io:format(\"said: ~~0p.~~n\", [[epmdns_config:value(Key) || Key <- ~0p]]).",
    ["-eval", lists:flatten(io_lib:format(Text, [Keys]))].

no_listen(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:registry/3),
    B = node(?BOB, []),
    Ping = inside(apply, [net_adm, ping, [list_to_atom(?BOB)]]),
    A = start(["-name", ?ALICE, "-dist_listen", "false" | Ping]),
    ?assertEqual(pong, said(A)),
    ?assertEqual([<<?BOB>>], [Node || #{node := Node} <- registrations(Fake)]),
    [close(Vm) || Vm <- [A, B]],
    epmdns_fake:stop(Fake).

fallback(_) ->
    {ok, Listen} = gen_tcp:listen(0, [binary, {ip, ?LOOPBACK}, {active, false}]),
    {ok, Port} = inet:port(Listen),
    Epmd = spawn_link(fun() -> epmd(Listen, Port) end),
    Questions = [
        {epmdns, address_please, ["known", "127.0.0.1", inet]},
        {epmdns, address_please, ["known", "localhost", inet]},
        {epmdns, address_please, ["unknown", "127.0.0.1", inet]},
        {epmdns, port_please, ["known", ?LOOPBACK]},
        {epmdns, names, [?LOOPBACK]}
    ],
    Ask = fun(Fallback) ->
        Flags = ["-epmd_port", integer_to_list(Port), "-epmdns_fallback", Fallback],
        Vm = start(Flags ++ inside(apply_all, [Questions])),
        Answers = said(Vm),
        close(Vm),
        Answers
    end,
    ?assertEqual(
        [
            {ok, ?LOOPBACK, 4711, 5},
            {ok, ?LOOPBACK, 4711, 5},
            {error, unavailable},
            {port, 4711, 5},
            {ok, [{"known", 4711}]}
        ],
        Ask("true")
    ),
    ?assertEqual(
        [{error, unavailable}, {error, unavailable}, {error, unavailable}, noport, {error, address}],
        Ask("false")
    ),
    unlink(Epmd),
    exit(Epmd, kill),
    gen_tcp:close(Listen).

%% As much of an epmd as it takes (erts/epmd): PORT_PLEASE2_REQ and NAMES_REQ, one a connection.
epmd(Listen, Port) ->
    {ok, Socket} = gen_tcp:accept(Listen),
    {ok, <<_:16, Request/binary>>} = gen_tcp:recv(Socket, 0),
    Answer =
        case Request of
            <<$z, "known">> -> <<$w, 0, 4711:16, $M, 0, 5:16, 5:16, 5:16, "known", 0:16>>;
            <<$z, _/binary>> -> <<$w, 1>>;
            <<$n>> -> <<Port:32, "name known at port 4711\n">>
        end,
    ok = gen_tcp:send(Socket, Answer),
    gen_tcp:close(Socket),
    epmd(Listen, Port).
