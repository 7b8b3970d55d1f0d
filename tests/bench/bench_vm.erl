%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc What OTP waits for in a VM, timed there: erl_epmd and epmdns in turn, in short rounds.
%% All answers are lists of nanoseconds.
-module(bench_vm).

-export([find/5, register_node/3, connect/1]).

%% @doc {[epmd], [epmdns]}: times to learn a node's address and port, with a pause before each.
-spec find(string(), string(), pos_integer(), pos_integer(), non_neg_integer()) ->
    [[[non_neg_integer()]]].
find(Name, Host, Rounds, Times, IdleMs) ->
    Ask = [
        fun() -> find_by_epmd(Name, Host) end,
        fun() -> {ok, {127, 0, 0, 1}, _, _} = epmdns:address_please(Name, Host, inet) end
    ],
    [[[timed(Fun, IdleMs) || _ <- lists:seq(1, Times)] || Fun <- Ask] || _ <- lists:seq(1, Rounds)].

%% As OTP does it: with an address alone it asks for the port (inet_tcp_dist.erl).
-spec find_by_epmd(string(), string()) -> term().
find_by_epmd(Name, Host) ->
    {ok, Ip} = erl_epmd:address_please(Name, Host, inet),
    {port, _, _} = erl_epmd:port_please(Name, Ip).

-spec timed(fun(() -> term()), non_neg_integer()) -> non_neg_integer().
timed(Fun, IdleMs) ->
    IdleMs > 0 andalso timer:sleep(IdleMs),
    Began = erlang:monotonic_time(nanosecond),
    _ = Fun(),
    erlang:monotonic_time(nanosecond) - Began.

%% @doc The same for registering; the name is given back after each time. This VM has no name of its
%% own, and epmdns was not started by OTP.
-spec register_node(string(), pos_integer(), pos_integer()) -> [[[non_neg_integer()]]].
register_node(Name, Rounds, Times) ->
    process_flag(trap_exit, true),
    {ok, _} = epmdns:start_link(),
    {ok, 0} = epmdns:listen_port_please(Name, "127.0.0.1"),
    [
        [[register_once(Module, Name) || _ <- lists:seq(1, Times)] || Module <- [erl_epmd, epmdns]]
     || _ <- lists:seq(1, Rounds)
    ].

-spec register_once(erl_epmd | epmdns, string()) -> non_neg_integer().
register_once(epmdns, Name) ->
    Took = timed(fun() -> {ok, _} = epmdns:register_node(Name, 4000, inet) end, 0),
    {ok, Names} = epmdns:names(),
    true = lists:member({Name, 4000}, Names),
    ok = epmdns:stop(),
    Took;
register_once(erl_epmd, Name) ->
    {ok, Pid} = erl_epmd:start_link(),
    Took = timed(fun() -> {ok, _} = erl_epmd:register_node(Name, 4000, inet) end, 0),
    ok = gen_server:stop(Pid),
    gone(Name),
    Took.

-spec gone(string()) -> ok.
gone(Name) ->
    case erl_epmd:port_please(Name, {127, 0, 0, 1}) of
        noport -> ok;
        _ -> gone(Name)
    end.

%% @doc The time of one connect to a node that this one does not know yet; they part again.
-spec connect(node()) -> non_neg_integer().
connect(Node) ->
    false = lists:member(Node, nodes(connected)),
    Took = timed(fun() -> true = net_kernel:connect_node(Node) end, 0),
    monitor_node(Node, true),
    true = erlang:disconnect_node(Node),
    receive
        {nodedown, Node} -> Took
    end.
