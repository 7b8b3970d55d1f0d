%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc How many pieces a shop has of each thing. Any node that is connected may ask and take.
-module(stock).
-behaviour(gen_server).

-export([start_link/0, add/2, take/2, count/1]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

add(Thing, Pieces) ->
    gen_server:call(?MODULE, {add, Thing, Pieces}).

take(Thing, Pieces) ->
    gen_server:call(?MODULE, {take, Thing, Pieces}).

count(Thing) ->
    gen_server:call(?MODULE, {count, Thing}).

init([]) ->
    {ok, #{}}.

handle_call({add, Thing, Pieces}, _, Stock) ->
    change(Thing, Pieces, Stock);
handle_call({take, Thing, Pieces}, _, Stock) ->
    change(Thing, -Pieces, Stock);
handle_call({count, Thing}, _, Stock) ->
    {reply, maps:get(Thing, Stock, 0), Stock}.

handle_cast(_, Stock) ->
    {noreply, Stock}.

change(Thing, Pieces, Stock) ->
    case maps:get(Thing, Stock, 0) + Pieces of
        Left when Left >= 0 -> {reply, {ok, Left}, Stock#{Thing => Left}};
        _ -> {reply, {error, out_of_stock}, Stock}
    end.
