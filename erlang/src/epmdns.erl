%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc The discovery module: what OTP calls instead of erl_epmd.
%%
%% ```
%% erl -name alice@a.home -start_epmd false -epmd_module epmdns
%% iex --name bob@b.home --erl "-start_epmd false -epmd_module epmdns"
%% '''
%%
%% Both flags are needed: without the first, erl starts epmd. Everything else is optional, see
%% {@link epmdns_config}. A VM that was started without either is distributed by {@link start/1}.
%%
%% There is no process here and no state. The functions run in the processes of OTP that call them:
%% the supervisor net_sup, net_kernel while it starts, net_kernel itself and the processes that set
%% up connections. A crash or a long wait in most of these is the end of the node, so every function
%% answers in bounded time and in the shape that its caller expects, whatever happens to the agent.
-module(epmdns).

-include_lib("kernel/include/logger.hrl").

%% Called by OTP: erl_distribution.erl, inet_tcp_dist.erl, inet_tls_dist.erl, net_adm.erl.
-export([start_link/0, listen_port_please/2, register_node/3]).
-export([address_please/3, port_please/2, names/1]).
%% Called by others, as they call erl_epmd.
-export([stop/0, register_node/2, port_please/3, names/0]).
%% Called by users.
-export([start/1, start/2]).

-type name() :: atom() | string().
-type host() :: atom() | string() | inet:ip_address().
-type family() :: inet | inet6.
-type creation() :: 4..16#FFFFFFFF.
-type version() :: non_neg_integer().
-type address() :: {ok, inet:ip_address()}.
-type place() :: {ok, inet:ip_address(), inet:port_number(), version()}.
-type port_answer() :: {port, inet:port_number(), version()} | noport.

%% @doc Start the distribution, with epmdns, of a VM that was started without a name.
-spec start(name() | binary()) -> {ok, pid()} | {error, Reason} when
    Reason :: needs_flags | {already_started, pid()} | term().
start(Name) ->
    start(Name, #{}).

%% @doc The same with the options of `net_kernel:start/2', whose results these are. The name is long
%% if its host part is; without a host part it is short.
%%
%% The VM needs no flag from OTP 27.2 on, which has a kernel parameter for it; it is `epmdns' from
%% then on, for `net_kernel:start/2' too. Before that, and where `-epmd_module' names another
%% module, the answer is `{error, needs_flags}'. As with the flags it does not matter whether an
%% agent runs.
-spec start(name() | binary(), map()) -> {ok, pid()} | {error, Reason} when
    Reason :: needs_flags | {already_started, pid()} | term().
start(Name, Options) when is_map(Options) ->
    Node = node_atom(Name),
    case whereis(net_sup) of
        undefined ->
            case epmdns_vm:choose(?MODULE) of
                true -> start_net_kernel(Node, maps:merge(#{name_domain => domain(Node)}, Options));
                false -> {error, needs_flags}
            end;
        %% Another module must not take over from the one that this node is registered by.
        Running ->
            {error, {already_started, Running}}
    end.

%% net_kernel:start/2 came with OTP 24.3; before it only flags say more than the kind of name.
-spec start_net_kernel(atom(), map()) -> {ok, pid()} | {error, term()}.
start_net_kernel(Node, #{name_domain := Domain} = Options) ->
    case erlang:function_exported(net_kernel, start, 2) of
        true -> net_kernel:start(Node, Options);
        false when map_size(Options) =:= 1 -> net_kernel:start([Node, Domain]);
        false -> {error, needs_flags}
    end.

%% Elixir's strings are binaries.
-spec node_atom(name() | binary()) -> atom().
node_atom(Name) when is_atom(Name) -> Name;
node_atom(Name) when is_binary(Name) -> binary_to_atom(Name, utf8);
node_atom(Name) when is_list(Name) -> list_to_atom(Name).

%% The host part of a long name has a dot, or is an address (inet_tcp_dist.erl, splitnode/3).
-spec domain(atom()) -> longnames | shortnames.
domain(Node) ->
    case string:split(atom_to_list(Node), "@") of
        [_, Host] ->
            case lists:member($., Host) orelse literal(Host) =/= none of
                true -> longnames;
                false -> shortnames
            end;
        [_] ->
            shortnames
    end.

%% @doc Start the process that keeps this VM's registrations. Called by the supervisor net_sup,
%% before anything else of the distribution; takes no look at the agent.
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    %% Interactive mode loads a module when it is first called: not later in net_kernel, please. And
    %% of the optional callbacks OTP sees only those of a loaded module (inet_tcp_dist.erl,
    %% call_epmd_function/3).
    Modules = [
        epmdns_config,
        epmdns_epmd,
        epmdns_guard,
        epmdns_lookup,
        epmdns_proto,
        epmdns_session,
        epmdns_vm,
        erl_epmd
    ],
    _ = [code:ensure_loaded(Module) || Module <- Modules],
    soft(ok, fun epmdns_config:load/0),
    epmdns_guard:start_link().

%% @doc Give up the names that this VM has registered. The process of {@link start_link/0} stays:
%% its supervisor would end the VM with it.
-spec stop() -> ok.
stop() ->
    soft(ok, fun epmdns_guard:release/0).

%% @doc The port to listen on: any, unless `-erl_epmd_port' says which. A helper node, started with
%% the flags of the node that it helps, never gets that one's port. This is also where OTP tells the
%% host part of our own name (OTP 23 and later).
-spec listen_port_please(name(), name()) -> {ok, inet:port_number()}.
listen_port_please(Name, Host) ->
    soft({ok, 0}, fun() ->
        ok = epmdns_guard:listening(text(Name), text(Host)),
        case epmdns_vm:is_helper(text(Name)) of
            true -> {ok, 0};
            false -> {ok, _} = erl_epmd:listen_port_please(Name, Host)
        end
    end).

%% @doc Register this node's port for one carrier. Takes at most half a second. Without an agent the
%% node gets its creation all the same and is registered as soon as there is one; the only refusal
%% is that another live node of this machine has the name.
-spec register_node(name(), inet:port_number(), Driver) ->
    {ok, creation()} | {error, duplicate_name}
when
    Driver :: inet_tcp | inet6_tcp | inet | inet6.
register_node(Name, Port, Driver) ->
    register_family(Name, Port, epmdns_vm:family(Driver)).

%% @doc The same for programs that repeat what OTP has registered (RabbitMQ, every minute): a name
%% that is registered stays as it is, in all its families.
-spec register_node(name(), inet:port_number()) -> {ok, creation()} | {error, duplicate_name}.
register_node(Name, Port) ->
    register_family(Name, Port, again).

-spec register_family(name(), inet:port_number(), family() | again) ->
    {ok, creation()} | {error, duplicate_name}.
register_family(Name, Port, Family) ->
    Text = text(Name),
    Register = fun() -> epmdns_guard:register(Text, epmdns_vm:host(Text), Family, Port) end,
    case soft(failed, Register) of
        {ok, Creation} -> {ok, Creation};
        {error, duplicate_name} -> {error, duplicate_name};
        %% Any other term would end the boot (net_kernel.erl, start_protos_listen).
        _ -> {ok, epmdns_vm:creation()}
    end.

%% @doc Where a node listens. Outside net_kernel the answer is complete, with port and version, so
%% that OTP does not ask again.
-spec address_please(name(), host(), family()) -> address() | place() | {error, term()}.
address_please(Name, Host, Family) ->
    soft({error, nxdomain}, fun() ->
        case epmdns_vm:is_net_kernel() of
            true -> select(epmdns_vm:carriers(), text(Name), text(Host), Family);
            false -> resolve(text(Name), text(Host), Family)
        end
    end).

%% In net_kernel OTP only wants to know whether this carrier will do (inet_tcp_dist.erl,
%% gen_select/2), and asks again from the process that connects. With one carrier the answer is
%% known: any address says yes.
-spec select([family()], string(), string(), family()) -> address() | place() | {error, term()}.
select([_], _, Host, Family) ->
    placeholder(literal(Host), Family);
select(_, Name, Host, Family) ->
    case literal(Host) of
        none -> select_by_agent(Name, Host, Family);
        Literal -> placeholder(Literal, Family)
    end.

-spec select_by_agent(string(), string(), family()) -> address() | place() | {error, term()}.
select_by_agent(Name, Host, Family) ->
    case lookup(Name, Host, Family, now) of
        {ok, _, _, _} = Found -> Found;
        %% A yes to inet6 for an unknown node would keep OTP from trying inet, and its fallback.
        {error, _} when Family =:= inet6 -> {error, nxdomain};
        {error, _} -> placeholder(none, Family)
    end.

-spec placeholder(address() | none, family()) -> address() | {error, nxdomain}.
placeholder({ok, Ip}, inet) when tuple_size(Ip) =:= 4 -> {ok, Ip};
placeholder({ok, Ip}, inet6) when tuple_size(Ip) =:= 8 -> {ok, Ip};
placeholder({ok, _}, _) -> {error, nxdomain};
placeholder(none, inet) -> {ok, {127, 0, 0, 1}};
placeholder(none, inet6) -> {ok, {0, 0, 0, 0, 0, 0, 0, 1}}.

-spec resolve(string(), string(), family()) -> place() | {error, term()}.
resolve(Name, Host, Family) ->
    Urgency =
        case epmdns_vm:is_setup() of
            true -> setup;
            false -> patient
        end,
    case find(Name, Host, Family, Urgency) of
        {ok, Found} ->
            _ = Urgency =:= setup andalso check_carrier(Name, Host, Found),
            place(Host, Found);
        {error, Reason} ->
            case epmdns_config:value(fallback) andalso resolve_by_epmd(Name, Host, Family) of
                {ok, _, _, _} = Found ->
                    Found;
                _ ->
                    ok = explain(Name, Host, Family, Reason),
                    {error, Reason}
            end
    end.

-spec lookup(string(), string(), family(), epmdns_lookup:urgency()) -> place() | {error, term()}.
lookup(Name, Host, Family, Urgency) ->
    case find(Name, Host, Family, Urgency) of
        {ok, Found} -> place(Host, Found);
        {error, _} = Error -> Error
    end.

-spec find(string(), string(), family(), epmdns_lookup:urgency()) ->
    {ok, epmdns_lookup:found()} | {error, term()}.
find(Name, Host, Family, Urgency) ->
    case epmdns_vm:node_bytes(Name, Host) of
        bad -> {error, nxdomain};
        Node -> epmdns_lookup:node(Node, Family, Urgency)
    end.

-spec place(string(), epmdns_lookup:found()) -> place().
place(Host, {Ip, Port, High, _}) ->
    %% The highest version that both speak, as erl_epmd.erl, best_version/2.
    {ok, address(literal(Host), Ip), Port, min(High, epmdns_vm:dist_high())}.

%% A host part that is an address says itself where the node is, and nobody on the network may say
%% otherwise.
-spec address(address() | none, inet:ip_address()) -> inet:ip_address().
address({ok, Literal}, Ip) when tuple_size(Literal) =:= tuple_size(Ip) -> Literal;
address(_, Ip) -> Ip.

-spec resolve_by_epmd(string(), string(), family()) -> place() | {error, nxdomain}.
resolve_by_epmd(Name, Host, Family) ->
    case erl_epmd:address_please(Name, Host, Family) of
        {ok, Ip} ->
            case erl_epmd:port_please(Name, Ip) of
                {port, Port, Version} -> {ok, Ip, Port, Version};
                _ -> {error, nxdomain}
            end;
        _ ->
            {error, nxdomain}
    end.

%% The user sees no more than `false', and of these there is something to say.
-spec explain(string(), string(), family(), term()) -> ok.
explain(Name, Host, _, only_link_local) ->
    ?LOG_WARNING(
        "epmdns: only IPv6 link-local addresses of ~ts@~ts are known; Erlang cannot use them",
        [Name, Host]
    );
explain(Name, Host, Family, not_found) ->
    case find(Name, Host, other(Family), now) of
        {ok, Found} -> check_carrier(Name, Host, Found);
        {error, _} -> ok
    end;
explain(_, _, _, _) ->
    ok.

-spec other(family()) -> family().
other(inet) -> inet6;
other(inet6) -> inet.

-spec check_carrier(string(), string(), epmdns_lookup:found()) -> ok.
check_carrier(Name, Host, {_, _, _, Carrier}) ->
    case Carrier =:= unknown orelse epmdns_vm:speaks(Carrier) of
        true ->
            ok;
        false ->
            ?LOG_WARNING(
                "epmdns: ~ts@~ts listens for ~s, which this node does not speak (-proto_dist)",
                [Name, Host, epmdns_proto:carrier_name(Carrier)]
            )
    end.

%% @doc The port of a node. OTP asks for it after an address alone, which it gets in net_kernel
%% only; others ask for their own, with a host name (RabbitMQ).
-spec port_please(name(), host()) -> port_answer() | closed | {error, term()}.
port_please(Name, Host) ->
    port_please(Name, Host, infinity).

%% @doc The same; the time is the fallback's, for the agent takes less than a second.
-spec port_please(name(), host(), timeout()) -> port_answer() | closed | {error, term()}.
port_please(Name, Host, Timeout) ->
    soft(noport, fun() ->
        case own_or_found(text(Name), text(Host)) of
            {port, _, _} = Found ->
                Found;
            noport ->
                case epmdns_config:value(fallback) of
                    true -> erl_epmd:port_please(Name, Host, Timeout);
                    false -> noport
                end
        end
    end).

-spec own_or_found(string(), string()) -> port_answer().
own_or_found(Name, Host) ->
    %% Our own node is known here, agent or not.
    Own = epmdns_vm:node_bytes(Name, Host),
    case lists:keyfind(Own, 1, epmdns_guard:claims()) of
        {_, Port} -> {port, Port, epmdns_vm:dist_high()};
        false -> first_port(Name, host_parts(Name, Host), epmdns_vm:carriers())
    end.

%% An address does not tell the host part of the name, but the agent may know who is there.
-spec host_parts(string(), string()) -> [string()].
host_parts(Name, Host) ->
    case literal(Host) =/= none andalso names_of(Host) of
        false -> [Host];
        {ok, Nodes} -> lists:usort([Part || {Known, Part, _} <- Nodes, Known =:= Name]);
        {error, _} -> []
    end.

-spec first_port(string(), [string()], [family()]) -> port_answer().
first_port(Name, [Host | Hosts], Families) ->
    Found = [lookup(Name, Host, Family, patient) || Family <- Families],
    case [{port, Port, Version} || {ok, _, Port, Version} <- Found] of
        [First | _] -> First;
        [] -> first_port(Name, Hosts, Families)
    end;
first_port(_, [], _) ->
    noport.

%% @doc All nodes that are registered on this machine.
-spec names() -> {ok, [{Name :: string(), inet:port_number()}]} | {error, term()}.
names() ->
    names_or_epmd(local, fun erl_epmd:names/0).

%% @doc The nodes of a host; of this one under any of its names and addresses. Where names are short,
%% a host is also known by the long name that begins so: `net_adm:world/0' asks with what stands in
%% .hosts.erlang, and cuts it afterwards.
-spec names(host()) -> {ok, [{Name :: string(), inet:port_number()}]} | {error, term()}.
names(Host) ->
    names_or_epmd(text(Host), fun() -> erl_epmd:names(Host) end).

-spec names_or_epmd(local | string(), fun(() -> Result)) -> Result | {error, address} when
    Result :: {ok, [{string(), inet:port_number()}]} | {error, term()}.
names_or_epmd(Host, ByEpmd) ->
    soft({error, address}, fun() ->
        case names_of(Host) of
            {ok, Nodes} ->
                {ok, [{Name, Port} || {Name, _, Port} <- Nodes]};
            {error, _} ->
                case epmdns_config:value(fallback) of
                    true -> ByEpmd();
                    false -> {error, address}
                end
        end
    end).

-type named() :: {Name :: string(), HostPart :: string(), inet:port_number()}.

-spec names_of(local | string()) -> {ok, [named()]} | {error, term()}.
names_of(local) ->
    names_at(local);
names_of(Host) ->
    case {names_at(Host), string:split(Host, ".")} of
        {{error, not_found} = Error, [Short, _]} ->
            IsCut = domain(node()) =:= shortnames andalso literal(Host) =:= none,
            case IsCut andalso names_at(Short) of
                {ok, _} = Found -> Found;
                _ -> Error
            end;
        {Result, _} ->
            Result
    end.

-spec names_at(local | string()) -> {ok, [named()]} | {error, term()}.
names_at(Host) ->
    Bytes =
        case Host of
            local -> local;
            _ -> list_to_binary(Host)
        end,
    case epmdns_lookup:names(Bytes) of
        {ok, Nodes} ->
            Split = [{string:split(binary_to_list(Node), "@"), Port} || {Node, Port} <- Nodes],
            {ok, [{Name, Part, Port} || {[Name, Part], Port} <- Split]};
        {error, _} = Error ->
            Error
    end.

%% Names and hosts come as atoms and as strings, hosts as addresses too.
-spec text(host()) -> string().
text(Text) when is_list(Text) -> Text;
text(Text) when is_atom(Text) -> atom_to_list(Text);
text(Ip) -> inet:ntoa(Ip).

-spec literal(string()) -> address() | none.
literal(Host) ->
    case inet:parse_strict_address(Host) of
        {ok, Ip} -> {ok, Ip};
        {error, einval} -> none
    end.

%% A crash in net_kernel ends the node, and one in a connecting process is not even logged.
-spec soft(Otherwise, fun(() -> Result)) -> Otherwise | Result.
soft(Otherwise, Fun) ->
    try
        Fun()
    catch
        Class:Reason:Stack ->
            ?LOG_ERROR("epmdns: ~0tp ~0tp~n~tp", [Class, Reason, Stack]),
            Otherwise
    end.
