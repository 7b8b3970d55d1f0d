%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc The application and its supervisor.
-module(stock_app).
-behaviour(application).
-behaviour(supervisor).

-export([start/2, stop/1, init/1]).

start(_, []) ->
    supervisor:start_link({local, stock_sup}, ?MODULE, []).

stop(_) ->
    ok.

init([]) ->
    {ok, {#{}, [#{id => stock, start => {stock, start_link, []}}]}}.
