%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc The agent as a child of a supervisor, where no service manager runs it: on Nerves, in
%% containers, on systems without systemd.
%%
%% ```
%% init([]) ->
%%     {ok, {#{strategy => one_for_one}, [epmdns_agent:child_spec(#{})]}}.
%%
%% children = [{:epmdns_agent, log_level: :warning}]
%% '''
%%
%% The agent's standard input is a pipe that this VM holds (`epmdnsd --exit-on-stdin-eof'): so it
%% ends with the VM, however that ends, and says goodbye on the network. When the VM stops in good
%% order, the agent is there until the node has unregistered itself; when its supervisor is stopped
%% alone, its end is waited for.
%%
%% Whatever becomes of the agent, this process stays, so that no supervisor gives up for it. An agent
%% that ended or could not be started is started again after 250 ms, doubling to 30 s; one that lived
%% for 10 s begins anew. What was logged is not said again until then. Where another agent serves the
%% socket, its end is waited for besides.
%%
%% <table border="1">
%% <tr><th>option</th><th>value</th><th>default</th></tr>
%% <tr><td>program</td><td>path of epmdnsd, or a name to be looked for in PATH</td>
%%     <td>the first of priv/epmdnsd of the application epmdns, epmdnsd in PATH, in /usr/local/sbin,
%%     in /usr/sbin</td></tr>
%% <tr><td>discovery_program</td><td>path of epmdns-discovery</td>
%%     <td>EPMDNS_DISCOVERY_PROGRAM; else epmdns-discovery beside the program, if it is there; else
%%     what the agent was installed with</td></tr>
%% <tr><td>socket</td><td>path of the socket that it serves, 1 to 107 bytes</td>
%%     <td>the setting `socket' of this VM (see {@link epmdns_config}), else the agent's own
%%     default</td></tr>
%% <tr><td>backend</td><td>auto, avahi or none</td><td>the agent's</td></tr>
%% <tr><td>log_level</td><td>error, warning (or warn), info or debug</td><td>the agent's</td></tr>
%% <tr><td>arguments</td><td>a list of other arguments of the agent</td><td>none</td></tr>
%% </table>
-module(epmdns_agent).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([child_spec/1, start_link/1]).
-export([init/1, handle_continue/2, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).
-export_type([options/0]).

-define(NAME, "epmdnsd").
-define(DISCOVERY_NAME, "epmdns-discovery").
-define(DIRECTORIES, ["/usr/local/sbin", "/usr/sbin"]).
-define(DISCOVERY_VARIABLE, "EPMDNS_DISCOVERY_PROGRAM").

%% What a service manager has told the VM is not for the agent.
-define(FOREIGN_VARIABLES, [
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "RUNTIME_DIRECTORY",
    "WATCHDOG_PID",
    "WATCHDOG_USEC"
]).

-define(BACKOFF_MIN_MS, 250).
-define(BACKOFF_MAX_MS, 30000).
%% Who lives for so long is well.
-define(WELL_MS, 10000).
%% The end of other agents is no reason to start more often than this.
-define(OTHER_MS, 1000).
%% The agent promises its end within 2 s.
-define(END_MS, 2000).
-define(SHUTDOWN_MS, 5000).

%% EXIT STATUS in epmdnsd(8): could not start, as when another one serves the socket; replaced.
-define(EXIT_FAILED, 1).
-define(EXIT_REPLACED, 75).

%% The agent's own limit of a line is 2048 bytes. So many lines are logged in so much time.
-define(LINE_BYTES, 1024).
-define(LINES_MAX, 100).
-define(LINES_MS, 10000).
%% So many different lines of agents that failed are remembered.
-define(SAID_MAX, 100).

-type options() :: epmdns_agent_options:options().
-type checked() :: epmdns_agent_options:checked().
-type os_process() :: epmdns_os_process:os_process().
-type why() :: {missing, Where :: [string()]} | {unstartable, string(), term()} | {ended, term()}.
-type level() :: error | warning | info | debug.

-record(state, {
    options :: checked(),
    agent = none :: none | {port(), os_process()},
    %% without an agent: when the next one is started; with one that is not known to be well: when it
    %% is
    timer = none :: none | reference(),
    backoff_ms = ?BACKOFF_MIN_MS :: pos_integer(),
    %% sessions with agents that serve our socket, and since when
    others = #{} :: #{reference() => {pid(), SinceMs :: integer()}},
    %% what was logged of agents that failed, and of this one
    said = #{} :: #{term() => []},
    saying = #{} :: #{term() => []},
    is_reported = false :: boolean(),
    %% the line that is being read was too long, and is logged
    is_cut = false :: boolean(),
    %% lines since this timer was started
    lines = 0 :: non_neg_integer(),
    lines_timer = none :: none | reference()
}).

%% @doc A child for a supervisor. Raises `{bad_option, Option, Why}': what is wrong is wrong each time,
%% and is best seen where it is written.
-spec child_spec(options()) -> supervisor:child_spec().
child_spec(Options) ->
    _ = epmdns_agent_options:check(Options),
    #{
        id => ?MODULE,
        start => {?MODULE, start_link, [Options]},
        restart => permanent,
        shutdown => ?SHUTDOWN_MS,
        type => worker,
        modules => [?MODULE]
    }.

%% @doc Start the process that runs the agent; one in a VM. It returns before there is an agent.
-spec start_link(options()) -> {ok, pid()} | {error, term()}.
start_link(Options) ->
    try epmdns_agent_options:check(Options) of
        Checked -> gen_server:start_link({local, ?MODULE}, ?MODULE, Checked, [])
    catch
        error:{bad_option, _, _} = Reason -> {error, Reason}
    end.

%% @private
-spec init(checked()) -> {ok, #state{}, {continue, start}}.
init(Options) ->
    %% terminate/2 must run: it waits until goodbye is said.
    process_flag(trap_exit, true),
    Served = served(Options),
    IsUsed = Served =:= default orelse lists:member(Served, epmdns_config:sockets()),
    IsUsed orelse
        ?LOG_WARNING(
            "epmdns: the agent serves ~ts, and this node looks for one at ~ts (the setting socket)",
            [Served, lists:join(", ", epmdns_config:sockets())]
        ),
    {ok, #state{options = Options}, {continue, start}}.

%% @private
-spec handle_continue(start, #state{}) -> {noreply, #state{}}.
handle_continue(start, State) ->
    {noreply, start(State)}.

%% @private
-spec handle_call(term(), {pid(), term()}, #state{}) -> {reply, {error, badarg}, #state{}}.
handle_call(_, _, State) ->
    {reply, {error, badarg}, State}.

%% @private
-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) ->
    {noreply, State}.

%% @private
-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info(Info, State) ->
    {noreply, informed(Info, State)}.

-spec informed(term(), #state{}) -> #state{}.
informed({Port, {data, Line}}, #state{agent = {Port, _}} = State) ->
    read(Line, State);
informed({Port, {exit_status, Status}}, #state{agent = {Port, _}} = State) ->
    failed({ended, Status}, State);
informed({'EXIT', Port, Reason}, #state{agent = {Port, _}} = State) ->
    failed({ended, Reason}, State);
informed({timeout, Timer, start}, #state{timer = Timer} = State) ->
    start(State#state{timer = none});
informed({timeout, Timer, well}, #state{timer = Timer} = State) ->
    well(State#state{timer = none});
informed({timeout, Timer, lines}, #state{lines_timer = Timer} = State) ->
    tell_left_out(State#state{lines_timer = none});
informed({'DOWN', Monitor, process, _, Reason}, #state{others = Others} = State) ->
    case maps:take(Monitor, Others) of
        {{_, SinceMs}, Rest} -> other_ended(Reason, SinceMs, State#state{others = Rest});
        error -> State
    end;
informed(_, State) ->
    State.

%% @private
-spec terminate(term(), #state{}) -> ok.
terminate(_, State) ->
    case {forget_others(State), init:get_status()} of
        {#state{agent = none}, _} -> ok;
        {#state{agent = {Port, _}}, {stopping, _}} -> hand_over(Port);
        {#state{agent = {Port, Process}}, _} -> stop(Port, Process)
    end.

%% Starting.

-spec start(#state{}) -> #state{}.
start(#state{options = Options} = Before) ->
    State = forget_others(Before),
    case find(Options) of
        {ok, Program} ->
            Arguments = [epmdns_agent_options:to_bytes(Text) || Text <- arguments(Program, Options)],
            Settings = [
                {args, Arguments},
                {env, [{Name, false} || Name <- ?FOREIGN_VARIABLES]},
                {line, ?LINE_BYTES},
                exit_status,
                stderr_to_stdout,
                binary
            ],
            try open_port({spawn_executable, epmdns_agent_options:to_bytes(Program)}, Settings) of
                Port ->
                    Timer = erlang:start_timer(?WELL_MS, self(), well),
                    Process = epmdns_os_process:of_port(Port),
                    State#state{agent = {Port, Process}, timer = Timer, is_cut = false}
            catch
                error:Reason -> failed({unstartable, Program, Reason}, State)
            end;
        {missing, Where} ->
            failed({missing, Where}, State)
    end.

-spec find(checked()) -> {ok, string()} | {missing, Where :: [string()]}.
find(#{program := Program}) ->
    find_first([Program], [Program]);
find(_) ->
    Private =
        case code:priv_dir(epmdns) of
            {error, bad_name} -> [];
            Directory -> [filename:join(Directory, ?NAME)]
        end,
    Usual = [filename:join(Directory, ?NAME) || Directory <- ?DIRECTORIES],
    find_first(Private ++ [?NAME] ++ Usual, Private ++ ["PATH"] ++ Usual).

-spec find_first([string()], [string()]) -> {ok, string()} | {missing, [string()]}.
find_first([Name | Names], Where) ->
    case os:find_executable(Name) of
        false -> find_first(Names, Where);
        Program -> {ok, Program}
    end;
find_first([], Where) ->
    {missing, Where}.

-spec arguments(string(), checked()) -> [string()].
arguments(Program, Options) ->
    Socket =
        case served(Options) of
            default -> [];
            Path -> ["--socket", Path]
        end,
    lists:append([
        ["--exit-on-stdin-eof"],
        Socket,
        discovery(Program, Options),
        [Word || {ok, Value} <- [maps:find(backend, Options)], Word <- ["--backend", Value]],
        [Word || {ok, Value} <- [maps:find(log_level, Options)], Word <- ["--log-level", Value]],
        maps:get(arguments, Options, [])
    ]).

%% Where the agent is to serve; `default': what it chooses itself, which is among what sessions try.
-spec served(checked()) -> string() | default.
served(#{socket := Path}) -> Path;
served(_) -> epmdns_config:value(socket).

-spec discovery(string(), checked()) -> [string()].
discovery(_, #{discovery_program := Program}) ->
    ["--discovery-program", Program];
discovery(Program, _) ->
    Beside = filename:join(filename:dirname(Program), ?DISCOVERY_NAME),
    case os:getenv(?DISCOVERY_VARIABLE, "") =:= "" andalso os:find_executable(Beside) of
        [_ | _] -> ["--discovery-program", Beside];
        false -> []
    end.

%% Running, and not.

-spec well(#state{}) -> #state{}.
well(#state{is_reported = IsReported} = State) ->
    IsReported andalso ?LOG_NOTICE("epmdns: the agent runs", []),
    State#state{backoff_ms = ?BACKOFF_MIN_MS, said = #{}, saying = #{}, is_reported = false}.

-spec failed(why(), #state{}) -> #state{}.
failed(Why, #state{said = Said, saying = Saying} = State) ->
    Ended = State#state{agent = none, said = maps:merge(Said, Saying), saying = #{}},
    attend(Why, report(Why, start_after(delay_ms(Why, Ended), Ended))).

%% What was replaced on disk is started at once, but not again and again: the two programs may never
%% be of one version.
-spec delay_ms(why(), #state{}) -> non_neg_integer().
delay_ms({ended, ?EXIT_REPLACED} = Why, #state{said = Said}) when not is_map_key(Why, Said) -> 0;
delay_ms(_, #state{backoff_ms = BackoffMs}) -> BackoffMs.

-spec start_after(non_neg_integer(), #state{}) -> #state{}.
start_after(DelayMs, #state{timer = Before, backoff_ms = BackoffMs} = State) ->
    _ = Before =:= none orelse erlang:cancel_timer(Before),
    Timer = erlang:start_timer(DelayMs, self(), start),
    State#state{timer = Timer, backoff_ms = min(2 * BackoffMs, ?BACKOFF_MAX_MS)}.

-spec report(why(), #state{}) -> #state{}.
report(Why, #state{said = Said} = State) when is_map_key(Why, Said) ->
    State;
report({ended, ?EXIT_REPLACED} = Why, State) ->
    ?LOG_NOTICE("epmdns: the agent was replaced on disk, and is started anew", []),
    remember(Why, State);
report(Why, State) ->
    ?LOG_WARNING(
        "epmdns: ~ts; trying again, in the end every ~b s",
        [words(Why), ?BACKOFF_MAX_MS div 1000]
    ),
    (remember(Why, State))#state{is_reported = true}.

-spec remember(why(), #state{}) -> #state{}.
remember(Why, #state{said = Said} = State) ->
    State#state{said = Said#{Why => []}}.

-spec words(why()) -> iodata().
words({missing, Where}) ->
    ["there is no agent to start: no program at ", lists:join(", ", Where)];
words({unstartable, Program, Reason}) ->
    io_lib:format("the agent cannot be started: ~ts: ~0tp", [Program, Reason]);
words({ended, Status}) when is_integer(Status), Status > 128 ->
    io_lib:format("the agent was ended by signal ~b", [Status - 128]);
words({ended, Status}) when is_integer(Status) ->
    io_lib:format("the agent ended with exit code ~b", [Status]);
words({ended, Reason}) ->
    io_lib:format("the agent ended: ~0tp", [Reason]).

%% Another agent may serve the socket: who is connected to it knows when it ends.
-spec attend(why(), #state{}) -> #state{}.
attend({ended, ?EXIT_FAILED}, #state{options = Options} = State) ->
    Paths =
        case served(Options) of
            default -> epmdns_config:sockets();
            Path -> [Path]
        end,
    Sessions = [Session || Path <- Paths, {ok, Session} <- [epmdns_session:start_monitor(none, [Path])]],
    %% They end with us.
    [true = link(Pid) || {Pid, _} <- Sessions],
    NowMs = now_ms(),
    State#state{others = maps:from_list([{Monitor, {Pid, NowMs}} || {Pid, Monitor} <- Sessions])};
attend(_, State) ->
    State.

%% One that was there, and is not any more; not one that could not be connected to.
-spec other_ended(term(), integer(), #state{}) -> #state{}.
other_ended({shutdown, Reason}, SinceMs, State) when is_atom(Reason) ->
    DelayMs = max(0, ?OTHER_MS - (now_ms() - SinceMs)),
    start_after(DelayMs, State#state{backoff_ms = ?BACKOFF_MIN_MS});
other_ended(_, _, State) ->
    State.

-spec forget_others(#state{}) -> #state{}.
forget_others(#state{others = Others} = State) ->
    Forget = fun({Monitor, {Pid, _}}) ->
        erlang:demonitor(Monitor, [flush]),
        epmdns_session:stop(Pid)
    end,
    lists:foreach(Forget, maps:to_list(Others)),
    State#state{others = #{}}.

%% What it says: PROGRAM: LEVEL: TEXT, as agent/base/log.c writes to a pipe.

-spec read({eol | noeol, binary()}, #state{}) -> #state{}.
read({End, _}, #state{is_cut = true} = State) ->
    State#state{is_cut = End =:= noeol};
read({eol, Line}, State) ->
    log(Line, "", State);
read({noeol, Line}, State) ->
    log(Line, "...", State#state{is_cut = true}).

-spec log(binary(), string(), #state{}) -> #state{}.
log(Line, Rest, #state{said = Said, lines = Lines} = State) ->
    {Level, Text} = split(printable(Line)),
    case logger:allow(Level, ?MODULE) andalso not is_map_key(Line, Said) of
        true when Lines < ?LINES_MAX ->
            ?LOG(Level, "~ts~s", [Text, Rest]),
            noted(Line, counted(State));
        true ->
            counted(State);
        false ->
            State
    end.

-spec split(binary()) -> {level(), iodata()}.
split(<<?NAME, ": ", Rest/binary>> = Line) -> split(?NAME, Rest, Line);
split(<<?DISCOVERY_NAME, ": ", Rest/binary>> = Line) -> split(?DISCOVERY_NAME, Rest, Line);
split(Line) -> {warning, Line}.

-spec split(string(), binary(), binary()) -> {level(), iodata()}.
split(Program, <<"error: ", Text/binary>>, _) -> {error, [Program, ": ", Text]};
split(Program, <<"warn: ", Text/binary>>, _) -> {warning, [Program, ": ", Text]};
split(Program, <<"info: ", Text/binary>>, _) -> {info, [Program, ": ", Text]};
split(Program, <<"debug: ", Text/binary>>, _) -> {debug, [Program, ": ", Text]};
%% A wrong command line, a library that is missing.
split(_, _, Line) -> {warning, Line}.

%% The agent writes nothing else; libraries may.
-spec printable(binary()) -> binary().
printable(Line) ->
    << <<(case C >= $\s andalso C < 127 of true -> C; false -> $? end)>> || <<C>> <= Line >>.

-spec counted(#state{}) -> #state{}.
counted(#state{lines = Lines, lines_timer = none} = State) ->
    State#state{lines = Lines + 1, lines_timer = erlang:start_timer(?LINES_MS, self(), lines)};
counted(#state{lines = Lines} = State) ->
    State#state{lines = Lines + 1}.

%% Said again by the next one, if this one fails, it is nothing new.
-spec noted(binary(), #state{}) -> #state{}.
noted(Line, #state{timer = Timer, said = Said, saying = Saying} = State) when
    Timer =/= none, map_size(Said) + map_size(Saying) < ?SAID_MAX
->
    State#state{saying = Saying#{binary:copy(Line) => []}};
noted(_, State) ->
    State.

-spec tell_left_out(#state{}) -> #state{}.
tell_left_out(#state{lines = Lines} = State) ->
    Lines > ?LINES_MAX andalso
        ?LOG_WARNING(
            "epmdns: ~b lines of the agent were left out of ~b s",
            [Lines - ?LINES_MAX, ?LINES_MS div 1000]
        ),
    State#state{lines = 0}.

%% Its end.

%% When the VM stops, applications are stopped first: the node listens until all of them are, and then
%% unregisters itself. Withdrawn before, it would seem to others to live on without an agent. So the
%% agent is the last to go: with the port, whose owner is killed when nothing else is left
%% (init.erl, shutdown_pids/4).
-spec hand_over(port()) -> ok.
hand_over(Port) ->
    Self = self(),
    Keeper = spawn(fun() ->
        %% An application's end is that of all with its group leader (application_master.erl).
        true = group_leader(whereis(init), self()),
        Self ! {keeper, self()},
        drop_all()
    end),
    receive
        {keeper, Keeper} -> ok
    end,
    try
        true = port_connect(Port, Keeper),
        true = unlink(Port),
        ok
    catch
        %% It has ended just now.
        error:badarg -> ok
    end.

%% Nobody logs any more.
-spec drop_all() -> no_return().
drop_all() ->
    receive
        _ -> drop_all()
    end.

%% A port that is closed tells nothing more, so the process is looked at.

-spec stop(port(), os_process()) -> ok.
stop(Port, Process) ->
    try
        true = port_close(Port)
    catch
        error:badarg -> true
    end,
    case epmdns_os_process:has_ended(Process, ?END_MS) of
        true ->
            ok;
        false ->
            ?LOG_WARNING("epmdns: the agent has not ended within ~b ms, and is killed", [?END_MS]),
            epmdns_os_process:kill(Process)
    end.

-spec now_ms() -> integer().
now_ms() -> erlang:monotonic_time(millisecond).
