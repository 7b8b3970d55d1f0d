%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

-module(epmdns_session_tests).

-include_lib("eunit/include/eunit.hrl").

-import(epmdns_testlib, [until/1, timed/1]).

-define(LOCALHOST, {127, 0, 0, 1}).
%% Of the 64 requests that may be unanswered, 8 are for the impatient.
-define(PIPELINED, 56).

session_test_() ->
    epmdns_testlib:cases([
        {"an absent agent is unavailable", fun absent/1},
        {"a node is found", fun found/1},
        {"an unknown node is not", fun not_found/1},
        {"names come one by one", fun names/1},
        {"a silent agent is a timeout", fun silent/1},
        {"a late answer reaches nobody", fun late/1},
        {"who is impatient does not ask an agent that owes an answer", fun impatient/1},
        {"requests of many processes are pipelined, 56 at a time", fun pipelined/1},
        {"who is impatient does not stand in line", fun no_line/1},
        {"requests that waited their turn in vain time out", fun waited/1},
        {"an agent of another version is refused", fun other_version/1},
        {"garbage ends the session", fun garbage/1},
        {"an agent that ends within an answer is asked again", fun cut/1},
        {"after the end of an agent the next question finds the next one", fun closed/1},
        {"the first socket that accepts is taken", fun first_socket/1},
        {"a connecting process that fails is a hint", fun hint/1},
        {"others that end are none", fun no_hint/1}
    ]).

absent(_) ->
    ?assertEqual({error, unavailable}, lookup(<<"a@b">>)),
    ?assertEqual({error, unavailable}, epmdns_lookup:names(local)).

found(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(#{<<"a@b">> => {?LOCALHOST, 4711}})),
    ?assertEqual({ok, {?LOCALHOST, 4711, 6, unknown}}, lookup(<<"a@b">>)),
    ?assertEqual({error, not_found}, epmdns_lookup:node(<<"a@b">>, inet6, patient)),
    [{1, hello, Hello}, {1, lookup, Lookup}, {1, lookup, _}] = epmdns_fake:seen(Fake),
    ?assertMatch(#{version := 1}, Hello),
    ?assertEqual(#{node => <<"a@b">>, family => 4, timeout_ms => 500}, Lookup),
    epmdns_fake:stop(Fake).

not_found(Path) ->
    Fake = epmdns_fake:start(Path),
    ?assertEqual({error, not_found}, lookup(<<"a@b">>)),
    ?assertEqual({error, not_found}, epmdns_lookup:node(<<"a@b">>, inet, now)),
    %% In net_kernel nobody waits for the network.
    {1, lookup, Fields} = lists:last(epmdns_fake:seen(Fake)),
    ?assertNot(is_map_key(timeout_ms, Fields)),
    epmdns_fake:stop(Fake).

names(Path) ->
    Nodes = maps:from_list([{numbered(N), {?LOCALHOST, N}} || N <- lists:seq(1, 500)]),
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(Nodes)),
    {ok, Names} = epmdns_lookup:names(<<"h">>),
    ?assertEqual([{Node, Port} || {Node, {_, Port}} <- maps:to_list(Nodes)], Names),
    epmdns_fake:stop(Fake).

silent(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:silent/3),
    {Ms, Result} = timed(fun() -> epmdns_lookup:node(<<"a@b">>, inet, now) end),
    ?assertEqual({error, timeout}, Result),
    ?assert(Ms >= 200 andalso Ms < 400),
    epmdns_fake:stop(Fake).

late(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:silent/3),
    ?assertEqual({error, timeout}, epmdns_lookup:node(<<"a@b">>, inet, now)),
    ok = epmdns_fake:tell(Fake, 1, {welcome, 1, #{version => 1}}),
    ok = epmdns_fake:tell(Fake, 1, {error, 2, #{code => 9}}),
    epmdns_fake:script(Fake, epmdns_fake:agent(#{<<"a@b">> => {?LOCALHOST, 4711}})),
    ?assertMatch({ok, _}, lookup(<<"a@b">>)),
    ?assertEqual({messages, []}, process_info(self(), messages)),
    epmdns_fake:stop(Fake).

impatient(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:silent/3),
    ?assertEqual({error, timeout}, epmdns_lookup:node(<<"a@b">>, inet, now)),
    Now = fun(_) -> epmdns_lookup:node(<<"a@b">>, inet, now) end,
    {Ms, Results} = timed(fun() -> lists:map(Now, lists:seq(1, 20)) end),
    ?assertEqual([{error, timeout}], lists:usort(Results)),
    ?assert(Ms < 100),
    %% One answer, to whatever, and it is asked again.
    ok = epmdns_fake:tell(Fake, 1, {welcome, 1, #{version => 1}}),
    epmdns_fake:script(Fake, epmdns_fake:agent(#{})),
    until(fun() -> epmdns_lookup:node(<<"a@b">>, inet, now) =:= {error, not_found} end),
    epmdns_fake:stop(Fake).

pipelined(Path) ->
    Fake = epmdns_fake:start(Path, fun
        (_, {hello, Id, _}, _) -> [{welcome, Id, #{version => 1}}];
        (_, _, _) -> []
    end),
    Self = self(),
    Numbers = lists:seq(1, 200),
    _ = [spawn_link(fun() -> Self ! {N, lookup(numbered(N))} end) || N <- Numbers],
    ?assertEqual(?PIPELINED, pipelined_lookups(Fake)),
    Nodes = maps:from_list([{numbered(N), {?LOCALHOST, N}} || N <- Numbers]),
    epmdns_fake:script(Fake, epmdns_fake:agent(Nodes)),
    %% The first are answered now, last first; each answer makes room for another request.
    Where = #{address => [<<127, 0, 0, 1>>], port => 9999, dist_high => 6, dist_low => 5},
    [epmdns_fake:tell(Fake, 1, {found, Id, Where}) || Id <- lists:seq(?PIPELINED + 1, 2, -1)],
    Answers = answers(Numbers),
    Ports = [Port || {_, {ok, {_, Port, 6, _}}} <- Answers, Port =:= 9999],
    ?assertEqual(?PIPELINED, length(Ports)),
    %% Those asked later were answered by their own name.
    ?assertEqual(200 - ?PIPELINED, length([N || {N, {ok, {_, N, 6, _}}} <- Answers])),
    epmdns_fake:stop(Fake).

%% Wait until as many lookups are unanswered as may be.
pipelined_lookups(Fake) ->
    epmdns_fake:await(Fake, fun(Seen) ->
        Lookups = length([lookup || {_, lookup, _} <- Seen]),
        Lookups >= ?PIPELINED andalso Lookups
    end).

%% net_kernel's question is answered while more wait for the network than the agent takes at once.
no_line(Path) ->
    Fake = epmdns_fake:start(Path, fun
        (_, {lookup, _, #{timeout_ms := _}}, _) -> [];
        (Connection, Request, Seen) -> (epmdns_fake:agent(#{}))(Connection, Request, Seen)
    end),
    {error, not_found} = epmdns_lookup:node(<<"a@b">>, inet, now),
    Fields = #{node => <<"a@b">>, family => 4, timeout_ms => 500},
    Wait = fun() -> epmdns_session:call(epmdns_lookup, lookup, Fields, {30000, patient}) end,
    Waiting = [spawn(Wait) || _ <- lists:seq(1, 200)],
    _ = pipelined_lookups(Fake),
    Now = fun() -> epmdns_lookup:node(<<"a@b">>, inet, now) end,
    ?assertEqual([{error, not_found}], lists:usort([Now() || _ <- lists:seq(1, 20)])),
    %% Where there is no place for it, it does not wait for one.
    epmdns_fake:script(Fake, fun epmdns_fake:silent/3),
    More = [spawn(Now) || _ <- lists:seq(1, 8)],
    _ = epmdns_fake:await(Fake, fun(Seen) ->
        length([lookup || {_, lookup, _} <- Seen]) =:= 1 + ?PIPELINED + 20 + 8
    end),
    {Ms, Answer} = timed(Now),
    ?assertEqual({error, timeout}, Answer),
    ?assert(Ms < 100),
    [exit(Pid, kill) || Pid <- Waiting ++ More],
    epmdns_fake:stop(Fake).

waited(Path) ->
    Fake = epmdns_fake:start(Path, fun epmdns_fake:silent/3),
    Self = self(),
    Numbers = lists:seq(1, 100),
    _ = [spawn_link(fun() -> Self ! {N, lookup(<<"a@b">>)} end) || N <- Numbers],
    ?assertEqual([{N, {error, timeout}} || N <- Numbers], answers(Numbers)),
    %% hello is unanswered too
    ?assertEqual(?PIPELINED, length(epmdns_fake:seen(Fake))),
    epmdns_fake:stop(Fake).

other_version(Path) ->
    Fake = epmdns_fake:start(Path, fun
        (_, {hello, Id, _}, _) -> [{error, Id, #{code => 2}}, close];
        (_, _, _) -> []
    end),
    ?assertEqual({error, unavailable}, lookup(<<"a@b">>)),
    epmdns_fake:stop(Fake).

garbage(Path) ->
    [
        begin
            Script = fun(_, {Op, _, _}, _) -> [{raw, Bytes} || Op =:= hello] end,
            Fake = epmdns_fake:start(Path, Script),
            ?assertEqual({error, unavailable}, lookup(<<"a@b">>)),
            epmdns_fake:stop(Fake)
        end
     || Bytes <- [
            <<"HTTP/1.1 400 Bad Request\r\n\r\n">>,
            <<0, 0>>,
            <<0, 5, 77, 0, 0, 0, 1>>,
            <<0, 6, 129, 0, 0, 0, 1, 1>>,
            <<16#ff, 16#ff>>,
            <<0, 5, 255, 0, 0, 0, 0>>
        ]
    ].

%% At each byte of welcome and found, and of welcome, item and done.
cut(Path) ->
    Ask = [
        {41, fun() -> {ok, {?LOCALHOST, 4711, 6, unknown}} = lookup(<<"a@b">>) end},
        {37, fun() -> {ok, [{<<"a@b">>, 4711}]} = epmdns_lookup:names(local) end}
    ],
    [
        begin
            Script = fun(Number, Request, Seen) ->
                Cut = case Number of 1 -> Bytes; _ -> 1000 end,
                (epmdns_fake:cut(Cut))(Number, Request, Seen)
            end,
            Fake = epmdns_fake:start(Path, Script),
            {ok, _} = Fun(),
            %% Was it not cut before its end?
            ?assertEqual({Bytes, 2}, {Bytes, element(1, last_request(Fake))}),
            ?assertEqual({messages, []}, process_info(self(), messages)),
            epmdns_lookup:stop(),
            epmdns_fake:stop(Fake)
        end
     || {Length, Fun} <- Ask, Bytes <- lists:seq(0, Length - 1)
    ].

last_request(Fake) ->
    lists:last([{Number, Op} || {Number, Op, _} <- epmdns_fake:seen(Fake)]).

closed(Path) ->
    First = epmdns_fake:start(Path),
    ?assertEqual({error, not_found}, lookup(<<"a@b">>)),
    Session = whereis(epmdns_lookup),
    Monitor = monitor(process, Session),
    epmdns_fake:stop(First),
    receive
        {'DOWN', Monitor, process, _, Reason} -> ?assertEqual({shutdown, closed}, Reason)
    end,
    Second = epmdns_fake:start(Path),
    ?assertEqual({error, not_found}, lookup(<<"a@b">>)),
    epmdns_fake:stop(Second).

first_socket(Path) ->
    true = os:unsetenv("EPMDNS_SOCKET"),
    Before = os:getenv("XDG_RUNTIME_DIR"),
    true = os:putenv("XDG_RUNTIME_DIR", filename:dirname(Path)),
    ok = epmdns_config:load(),
    User = filename:join([filename:dirname(Path), "epmdns", "socket"]),
    Fake = epmdns_fake:start(User),
    ?assertEqual({error, not_found}, lookup(<<"a@b">>)),
    epmdns_fake:stop(Fake),
    ok = file:delete(User),
    ok = file:del_dir(filename:dirname(User)),
    case Before of
        false -> os:unsetenv("XDG_RUNTIME_DIR");
        _ -> os:putenv("XDG_RUNTIME_DIR", Before)
    end.

hint(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(#{<<"a@b">> => {?LOCALHOST, 4711}})),
    connecting(fun() -> exit(shutdown) end),
    Hint = epmdns_fake:await(Fake, fun(Seen) ->
        case lists:keyfind(hint, 2, Seen) of
            {_, hint, Fields} -> Fields;
            false -> false
        end
    end),
    ?assertEqual(#{node => <<"a@b">>, family => 4}, Hint),
    epmdns_fake:stop(Fake).

no_hint(Path) ->
    Fake = epmdns_fake:start(Path, epmdns_fake:agent(#{<<"a@b">> => {?LOCALHOST, 4711}})),
    connecting(fun() -> ok end),
    {Pid, Monitor} = spawn_monitor(fun() -> lookup(<<"a@b">>), exit(shutdown) end),
    receive
        {'DOWN', Monitor, process, Pid, shutdown} -> ok
    end,
    ?assertMatch({ok, _}, lookup(<<"a@b">>)),
    ?assertEqual([], [hint || {_, hint, _} <- epmdns_fake:seen(Fake)]),
    epmdns_fake:stop(Fake).

%% A process as inet_tcp_dist makes one to set up a connection.
connecting(Fun) ->
    {Pid, Monitor} = spawn_opt(fun() ->
        {ok, ?LOCALHOST, 4711, 6} = epmdns:address_please("a", "b", inet),
        Fun()
    end, [monitor, {priority, max}]),
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

lookup(Node) -> epmdns_lookup:node(Node, inet, patient).

numbered(N) -> list_to_binary(["n", integer_to_list(N), "@h"]).

answers(Numbers) ->
    [
        receive
            {N, Answer} -> {N, Answer}
        end
     || N <- Numbers
    ].
