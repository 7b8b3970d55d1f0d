%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc Facts about this VM and its distribution.
%%
%% Everything here may run before the kernel application has started: no name resolution (it would
%% wait for net_sup, which waits for us), no file server, no other application.
-module(epmdns_vm).

-export([node_bytes/2, host/1, is_helper/1]).
-export([carriers/0, speaks/1, family/1, registration/2, dist_high/0, release/0, software/0]).
-export([new_creation/0, keep_creation/1, creation/0, owner/0]).
-export([is_net_kernel/0, is_setup/0, choose/1]).

-define(CREATION, {epmdns, creation}).
-define(OWNER, {epmdns, owner}).
-define(OWNER_LEN, 16).
-define(NODE_MAX, 255).

%% @doc The bytes of NAME@HOST on the wire; `bad' if it has none (longer than an atom, or not
%% latin-1).
-spec node_bytes(atom() | string(), string()) -> binary() | bad.
node_bytes(Name, Host) when is_atom(Name) ->
    node_bytes(atom_to_list(Name), Host);
node_bytes(Name, Host) ->
    try list_to_binary([Name, $@, Host]) of
        Node when byte_size(Node) =< ?NODE_MAX -> Node;
        _ -> bad
    catch
        error:badarg -> bad
    end.

%% @doc The host part of our own name where OTP did not tell it to listen_port_please/2: a carrier
%% that calls register_node alone. The rule is that of net_kernel.erl, create_name/3.
-spec host(string()) -> string().
host(Name) ->
    case host_of(atom_to_list(node()), Name) of
        none -> host_from(Name, [name, sname]);
        Host -> Host
    end.

-spec host_from(string(), [atom()]) -> string().
host_from(Name, [Flag | Flags]) ->
    case init:get_argument(Flag) of
        {ok, [[Value | _] | _]} ->
            case host_of(Value, Name) of
                none -> host_from(Name, Flags);
                Host -> Host
            end;
        _ ->
            host_from(Name, Flags)
    end;
host_from(_, []) ->
    %% net_kernel keeps `longnames' in its process dictionary, and register_node runs in that
    %% process.
    case {inet_db:gethostname(), get(longnames), inet_db:res_option(domain)} of
        {Short, true, [_ | _] = Domain} -> Short ++ "." ++ Domain;
        {Short, _, _} -> Short
    end.

-spec host_of(string(), string()) -> string() | none.
host_of(Node, Name) ->
    case string:split(Node, "@") of
        [Name, [_ | _] = Host] -> Host;
        _ -> none
    end.

%% @doc Is this the name of a transient helper of another node: a remote shell, a remote call? Such
%% names begin `rem-HEX-' or `rpc-HEX-' (mix releases), `remshHEX-' or `maintHEX-' (relx). The agent
%% has the same rule (agent/model/node.c).
-spec is_helper(string()) -> boolean().
is_helper("rem-" ++ Rest) -> has_digits(Rest, "0123456789abcdef");
is_helper("rpc-" ++ Rest) -> has_digits(Rest, "0123456789abcdef");
is_helper("remsh" ++ Rest) -> has_digits(Rest, "0123456789abcdefABCDEF");
is_helper("maint" ++ Rest) -> has_digits(Rest, "0123456789abcdefABCDEF");
is_helper(_) -> false.

-spec has_digits(string(), string()) -> boolean().
has_digits(Rest, Digits) ->
    case lists:splitwith(fun(C) -> lists:member(C, Digits) end, Rest) of
        {[_ | _], [$- | _]} -> true;
        _ -> false
    end.

%% @doc The families of the carriers in use, in the order of `-proto_dist' (net_kernel.erl,
%% start_protos/3).
-spec carriers() -> [inet | inet6, ...].
carriers() ->
    [proto_family(Proto) || Proto <- protos()].

-spec protos() -> [string(), ...].
protos() ->
    case init:get_argument(proto_dist) of
        {ok, [[_ | _] = Protos]} -> Protos;
        _ -> ["inet_tcp"]
    end.

-spec proto_family(string()) -> inet | inet6.
proto_family("inet6" ++ _) -> inet6;
proto_family(_) -> inet.

%% @doc The family of register_node/3's third argument: a driver up to OTP 25, a family from 26 on.
-spec family(atom()) -> inet | inet6.
family(inet6) -> inet6;
family(inet6_tcp) -> inet6;
family(_) -> inet.

%% The driver does not tell TLS from TCP (inet_tls_dist.erl listens through inet_tcp_dist); the flag
%% does.
-spec transport(inet | inet6) -> tcp | tls.
transport(Family) ->
    Tls = atom_to_list(Family) ++ "_tls",
    case lists:member(Tls, protos()) of
        true -> tls;
        false -> tcp
    end.

%% @doc Can this VM connect to a node that listens for this carrier?
-spec speaks(epmdns_proto:carrier()) -> boolean().
speaks(Carrier) ->
    Family = epmdns_proto:carrier_family(Carrier),
    lists:member(Family, carriers()) andalso
        epmdns_proto:carrier(Family, transport(Family)) =:= Carrier.

%% @doc What a registration says besides names, numbers given by the agent, and creation.
-spec registration(inet:port_number(), inet | inet6) -> epmdns_proto:fields().
registration(Port, Family) ->
    Always = #{
        port => Port,
        carrier => epmdns_proto:carrier(Family, transport(Family)),
        dist_high => dist_high(),
        dist_low => dist_low()
    },
    Maybe = [
        {flags, hidden_flag()},
        {bound, bound(Family)},
        {cluster, epmdns_config:value(cluster)},
        {tag, epmdns_config:value(tags)}
    ],
    maps:merge(Always, maps:from_list([{Name, Value} || {Name, Value} <- Maybe, is_given(Value)])).

-spec is_given(term()) -> boolean().
is_given(Value) -> Value =/= default andalso Value =/= [].

%% What net_kernel.erl, init/1 has made of flags and options; up to OTP 24.2 there is only the flag
%% (hidden_argument/0).
-spec hidden_flag() -> 1 | default.
hidden_flag() ->
    case {persistent_term:get({net_kernel, publish_type}, none), init:get_argument(hidden)} of
        {hidden, _} -> 1;
        {none, {ok, [[] | _]}} -> 1;
        {none, {ok, [["true" | _] | _]}} -> 1;
        _ -> default
    end.

%% The one address that inet_tcp_dist.erl, listen_options/0 binds to.
-spec bound(inet | inet6) -> binary() | default.
bound(Family) ->
    case application:get_env(kernel, inet_dist_use_interface) of
        {ok, Ip} ->
            bound_address(Family, Ip);
        undefined ->
            Options = application:get_env(kernel, inet_dist_listen_options, []),
            bound_address(Family, first_value([ip, ifaddr], Options))
    end.

-spec first_value([atom()], term()) -> term().
first_value([Key | Keys], Options) when is_list(Options) ->
    case lists:keyfind(Key, 1, Options) of
        {_, Value} -> Value;
        _ -> first_value(Keys, Options)
    end;
first_value(_, _) ->
    none.

-spec bound_address(inet | inet6, term()) -> binary() | default.
bound_address(_, Any) when Any =:= {0, 0, 0, 0}; Any =:= {0, 0, 0, 0, 0, 0, 0, 0} -> default;
bound_address(inet, Ip) when tuple_size(Ip) =:= 4 -> checked_address(Ip);
bound_address(inet6, Ip) when tuple_size(Ip) =:= 8 -> checked_address(Ip);
bound_address(_, _) -> default.

-spec checked_address(tuple()) -> binary() | default.
checked_address(Ip) ->
    case inet:ntoa(Ip) of
        {error, einval} -> default;
        _ -> epmdns_proto:address(Ip)
    end.

%% @doc The highest version of the distribution protocol that this VM speaks (kernel's dist.hrl).
-spec dist_high() -> 5 | 6.
dist_high() ->
    case release() of
        Release when Release >= 23 -> 6;
        _ -> 5
    end.

-spec dist_low() -> 5 | 6.
dist_low() ->
    case release() of
        Release when Release >= 25 -> 6;
        _ -> 5
    end.

%% @doc 23 and so on.
-spec release() -> pos_integer().
release() ->
    list_to_integer(erlang:system_info(otp_release)).

%% @doc What the agent's logs call us.
-spec software() -> binary().
software() ->
    list_to_binary(["epmdns, Erlang/OTP ", erlang:system_info(otp_release)]).

%% @doc A creation for a new life of the node, kept for creation/0: random, so that no two lives share
%% one; 0 to 3 mean other things.
-spec new_creation() -> 4..16#FFFFFFFF.
new_creation() ->
    case entropy(4) of
        <<Creation:32>> when Creation >= 4 -> keep_creation(Creation);
        _ -> new_creation()
    end.

%% @doc The creation that the node goes by from now on.
-spec keep_creation(4..16#FFFFFFFF) -> 4..16#FFFFFFFF.
keep_creation(Creation) ->
    persistent_term:put(?CREATION, Creation),
    Creation.

%% @doc The creation of the node, for those who cannot wait for the guard to say it.
-spec creation() -> 4..16#FFFFFFFF.
creation() ->
    case persistent_term:get(?CREATION, none) of
        none -> new_creation();
        Creation -> Creation
    end.

%% @doc Who we are to the agent: 16 random bytes, the same for the life of the VM.
-spec owner() -> binary().
owner() ->
    case persistent_term:get(?OWNER, none) of
        none ->
            Owner = entropy(?OWNER_LEN),
            persistent_term:put(?OWNER, Owner),
            Owner;
        Owner ->
            Owner
    end.

%% The crypto application takes 50 to 110 ms to load, at every boot. Raw files need no file server.
-spec entropy(1..16) -> binary().
entropy(Size) ->
    case file:open("/dev/urandom", [read, raw, binary]) of
        {ok, Device} ->
            Result = file:read(Device, Size),
            _ = file:close(Device),
            case Result of
                {ok, <<_:Size/binary>> = Bytes} -> Bytes;
                _ -> makeshift_entropy(Size)
            end;
        {error, _} ->
            makeshift_entropy(Size)
    end.

-spec makeshift_entropy(1..16) -> binary().
makeshift_entropy(Size) ->
    Seed = {erlang:system_time(), erlang:monotonic_time(), os:getpid(), self(), make_ref()},
    binary:part(erlang:md5(term_to_binary(Seed)), 0, Size).

%% @doc Are we called in net_kernel itself? Then waiting here would stop every connect and tick of
%% the node (OTP 24.2 to 28; from 29 on a process of its own asks, and may wait).
-spec is_net_kernel() -> boolean().
is_net_kernel() ->
    process_info(self(), registered_name) =:= {registered_name, net_kernel}.

%% @doc Are we called by a process that sets up a connection? It is one per connection, lives as
%% long, and fails early when it cannot connect. Its priority is all that TCP and TLS have in common
%% (dist_util.erl, net_ticker_spawn_options/0).
-spec is_setup() -> boolean().
is_setup() ->
    process_info(self(), priority) =:= {priority, max}.

%% @doc Make this the module that OTP calls, unless it is that already. Fails where the kernel has no
%% such parameter (up to OTP 27.1), and where a flag names another module.
-spec choose(module()) -> boolean().
choose(Module) ->
    Before = application:get_env(kernel, epmd_module),
    case is_chosen(Module) of
        true ->
            true;
        false ->
            ok = set_parameter({ok, Module}),
            IsChosen = is_chosen(Module),
            [ok = set_parameter(Before) || not IsChosen],
            IsChosen
    end.

-spec set_parameter({ok, term()} | undefined) -> ok.
set_parameter({ok, Value}) -> application:set_env(kernel, epmd_module, Value);
set_parameter(undefined) -> application:unset_env(kernel, epmd_module).

%% A flag and the parameter together are an error (net_kernel.erl, epmd_module/0).
-spec is_chosen(module()) -> boolean().
is_chosen(Module) ->
    try
        net_kernel:epmd_module() =:= Module
    catch
        error:_ -> false
    end.
