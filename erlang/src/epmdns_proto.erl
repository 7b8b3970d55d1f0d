%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% @doc The wire protocol of the agent: pure functions on binaries, a mirror of
%% `agent/base/codec.c'.
%%
%% The normative text is epmdns-protocol(7); `tests/vectors/frames.txt' binds both codecs to it. A
%% frame here is the body alone: the socket's `{packet, 2}' adds and strips the length. Atoms come
%% from the tables below only, never from what was received.
-module(epmdns_proto).

-export([encode/3, pack/1, frame/3, decode/1]).
-export([family/1, carrier/2, carrier_family/1, carrier_name/1, code/1, address/1, ip/1]).
-export([version/0, body_max/0, in_flight_max/0]).
-export_type([op/0, id/0, field/0, fields/0, message/0, failure/0, carrier/0, code/0]).

-define(VERSION, 1).
-define(BODY_MIN, 5).
-define(BODY_MAX, 8192).
-define(IN_FLIGHT_MAX, 64).
-define(CRITICAL, 128).

-type op() ::
    hello | register | unregister | lookup | names | list | watch | cancel | status | hint
    | welcome | registered | done | found | item | report | error.
-type id() :: 0..16#FFFFFFFF.
-type field() ::
    version | version_min | software | capability | owner | agent | node | host | port | carrier
    | family | dist_high | dist_low | flags | bound | creation | revision | cluster | tag
    | timeout_ms | filter | address | origin | interface | state | age_s | event | stat | code
    | text.
-type fields() :: #{field() => non_neg_integer() | binary() | [binary()]}.
%% Numbers are integers, strings binaries, and what may be repeated is a list in the order sent.
-type kind() :: u8 | u16 | u32 | family | address | bytes.
-type row() ::
    {field(), kind(), Min :: non_neg_integer(), Max :: non_neg_integer(), once | pos_integer()}.
%% What a field is, the bounds of a number's value or a string's length, and how often it may stand.
-type message() :: {op(), id(), fields()}.
-type failure() :: {error, bad_frame | unknown_op | bad_field, op() | byte(), id(), field() | none}.
%% What is wrong, in which request, and the field to blame.
-type carrier() :: 1..4.
-type code() ::
    bad_frame | bad_version | hello_first | unknown_op | bad_field | duplicate_id | duplicate_name
    | not_owner | not_found | only_link_local | limit | timeout | unavailable | unknown_code.

%% @doc The highest (and only) version of the protocol that this module speaks.
-spec version() -> pos_integer().
version() -> ?VERSION.

%% @doc The longest body, for the socket option `packet_size'.
-spec body_max() -> pos_integer().
body_max() -> ?BODY_MAX.

%% @doc How many requests of one session may be unanswered.
-spec in_flight_max() -> pos_integer().
in_flight_max() -> ?IN_FLIGHT_MAX.

%% @doc A whole body, fields in the order of their tags.
-spec encode(op(), id(), fields()) -> binary().
encode(Op, Id, Fields) ->
    iolist_to_binary(frame(Op, Id, pack(Fields))).

%% @doc The fields of a body. Raises `{bad_field, Name}' for a value that the protocol does not
%% allow: this runs in the process that made the value, so that the session never sees a bad one.
-spec pack(fields()) -> binary().
pack(Fields) ->
    Sorted = lists:sort([{tag(Name), Value} || {Name, Value} <- maps:to_list(Fields)]),
    Packed = << <<(pack_field(field(Tag), Tag, Value))/binary>> || {Tag, Value} <- Sorted >>,
    byte_size(Packed) =< ?BODY_MAX - ?BODY_MIN orelse error({bad_field, none}),
    Packed.

%% @doc The body of a request whose fields are packed already.
-spec frame(op(), id(), binary()) -> iolist().
frame(Op, Id, Packed) ->
    [<<(op_number(Op)), Id:32>>, Packed].

-spec pack_field(row(), byte(), term()) -> binary().
pack_field({_, _, _, _, once} = Field, Tag, Value) ->
    pack_value(Field, Tag, Value);
pack_field({Name, _, _, _, Times} = Field, Tag, Values) ->
    length(Values) =< Times orelse error({bad_field, Name}),
    << <<(pack_value(Field, Tag, Value))/binary>> || Value <- Values >>.

-spec pack_value(row(), byte(), term()) -> binary().
pack_value({Name, Kind, _, _, _} = Field, Tag, Value) ->
    Bytes = to_bytes(Kind, Value),
    case parse(Field, Bytes) of
        {ok, Value} -> <<Tag, (byte_size(Bytes)):16, Bytes/binary>>;
        _ -> error({bad_field, Name})
    end.

-spec to_bytes(kind(), term()) -> binary().
to_bytes(u8, Value) when is_integer(Value) -> <<Value:8>>;
to_bytes(family, Value) when is_integer(Value) -> <<Value:8>>;
to_bytes(u16, Value) when is_integer(Value) -> <<Value:16>>;
to_bytes(u32, Value) when is_integer(Value) -> <<Value:32>>;
to_bytes(_, Value) when is_binary(Value) -> Value;
to_bytes(_, _) -> <<>>.

%% @doc Decode one body: structure, sizes, ranges, repeats, and the fields that the operation
%% requires.
-spec decode(binary()) -> {ok, message()} | failure().
decode(<<Op, Id:32, Rest/binary>>) when byte_size(Rest) =< ?BODY_MAX - ?BODY_MIN ->
    %% As in the C codec: a broken structure outranks an unknown operation, and that a bad field.
    case {decode_fields(Rest, #{}), op(Op)} of
        {cut_off, _} -> {error, bad_frame, name_or_number(Op), Id, none};
        {_, unknown} -> {error, unknown_op, Op, Id, none};
        {{bad, Name}, Known} -> {error, bad_field, Known, Id, Name};
        {{ok, Fields}, Known} -> require(required(Known), Known, Id, Fields)
    end;
decode(<<Op, Id:32, _/binary>>) ->
    {error, bad_frame, name_or_number(Op), Id, none};
decode(_) ->
    {error, bad_frame, 0, 0, none}.

-spec name_or_number(byte()) -> op() | byte().
name_or_number(Op) ->
    case op(Op) of
        unknown -> Op;
        Known -> Known
    end.

-spec require([field()], op(), id(), fields()) -> {ok, message()} | failure().
require([Name | Names], Op, Id, Fields) ->
    case is_map_key(Name, Fields) of
        true -> require(Names, Op, Id, Fields);
        false -> {error, bad_field, Op, Id, Name}
    end;
require([], Op, Id, Fields) ->
    {ok, {Op, Id, Fields}}.

-spec decode_fields(binary(), fields()) -> {ok, fields()} | {bad, field() | none} | cut_off.
decode_fields(<<Tag, Length:16, Value:Length/binary, Rest/binary>>, Fields) ->
    case add(field(Tag), Tag, Value, Fields) of
        {bad, _} = Bad ->
            %% The first problem is reported, but the rest must still be well-formed.
            case is_well_formed(Rest) of
                true -> Bad;
                false -> cut_off
            end;
        More ->
            decode_fields(Rest, More)
    end;
decode_fields(<<>>, Fields) ->
    {ok, Fields};
decode_fields(_, _) ->
    cut_off.

-spec is_well_formed(binary()) -> boolean().
is_well_formed(<<_, Length:16, _:Length/binary, Rest/binary>>) -> is_well_formed(Rest);
is_well_formed(Rest) -> Rest =:= <<>>.

-spec add(row() | unknown, byte(), binary(), fields()) -> fields() | {bad, field() | none}.
add(unknown, Tag, _, _) when Tag >= ?CRITICAL ->
    {bad, none};
add(unknown, _, _, Fields) ->
    Fields;
add({Name, _, _, _, Times} = Field, _, Bytes, Fields) ->
    case {parse(Field, Bytes), Fields} of
        {{ok, Value}, #{Name := Values}} when is_list(Values), length(Values) < Times ->
            Fields#{Name := Values ++ [Value]};
        {{ok, _}, #{Name := _}} ->
            {bad, Name};
        {{ok, Value}, _} when Times =:= once ->
            Fields#{Name => Value};
        {{ok, Value}, _} ->
            Fields#{Name => [Value]};
        {bad, _} ->
            {bad, Name}
    end.

%% One value; numbers are bounded by value, strings by length.
-spec parse(row(), binary()) -> {ok, non_neg_integer() | binary()} | bad.
parse({_, u8, Min, Max, _}, <<N:8>>) -> in_range(N, Min, Max, N);
parse({_, u16, Min, Max, _}, <<N:16>>) -> in_range(N, Min, Max, N);
parse({_, u32, Min, Max, _}, <<N:32>>) -> in_range(N, Min, Max, N);
parse({_, family, _, _, _}, <<N>>) when N =:= 4; N =:= 6 -> {ok, N};
parse({_, address, _, _, _}, <<_:4/binary>> = Bytes) -> {ok, Bytes};
parse({_, address, _, _, _}, <<_:16/binary>> = Bytes) -> {ok, Bytes};
parse({_, bytes, Min, Max, _}, Bytes) -> in_range(byte_size(Bytes), Min, Max, Bytes);
parse(_, _) -> bad.

-spec in_range(non_neg_integer(), non_neg_integer(), non_neg_integer(), Value) -> {ok, Value} | bad.
in_range(N, Min, Max, Value) when N >= Min, N =< Max -> {ok, Value};
in_range(_, _, _, _) -> bad.

-spec op(byte()) -> op() | unknown.
op(1) -> hello;
op(2) -> register;
op(3) -> unregister;
op(4) -> lookup;
op(5) -> names;
op(6) -> list;
op(7) -> watch;
op(8) -> cancel;
op(9) -> status;
op(10) -> hint;
op(129) -> welcome;
op(130) -> registered;
op(131) -> done;
op(132) -> found;
op(133) -> item;
op(134) -> report;
op(255) -> error;
op(_) -> unknown.

-spec op_number(op()) -> byte().
op_number(hello) -> 1;
op_number(register) -> 2;
op_number(unregister) -> 3;
op_number(lookup) -> 4;
op_number(names) -> 5;
op_number(list) -> 6;
op_number(watch) -> 7;
op_number(cancel) -> 8;
op_number(status) -> 9;
op_number(hint) -> 10;
op_number(welcome) -> 129;
op_number(registered) -> 130;
op_number(done) -> 131;
op_number(found) -> 132;
op_number(item) -> 133;
op_number(report) -> 134;
op_number(error) -> 255.

-spec required(op()) -> [field()].
required(hello) -> [version];
required(welcome) -> [version];
required(register) -> [node, port, carrier, dist_high, dist_low];
required(unregister) -> [node];
required(hint) -> [node];
required(lookup) -> [node, family];
required(registered) -> [creation, revision];
%% In the order of their tags: the C codec names the missing field with the lowest one.
required(found) -> [port, dist_high, dist_low, address];
required(error) -> [code];
required(_) -> [].

-spec field(byte()) -> row() | unknown.
field(1) -> {version, u16, 0, 16#FFFF, once};
field(2) -> {version_min, u16, 0, 16#FFFF, once};
field(3) -> {software, bytes, 0, 64, once};
field(4) -> {capability, bytes, 1, 32, 16};
field(5) -> {owner, bytes, 16, 16, once};
field(6) -> {agent, bytes, 1, 32, once};
field(8) -> {node, bytes, 1, 255, once};
field(9) -> {host, bytes, 1, 253, once};
field(10) -> {port, u16, 1, 16#FFFF, once};
field(11) -> {carrier, u8, 1, 4, once};
field(12) -> {family, family, 4, 6, once};
field(13) -> {dist_high, u16, 0, 16#FFFF, once};
field(14) -> {dist_low, u16, 0, 16#FFFF, once};
field(15) -> {flags, u8, 0, 16#FF, once};
field(16) -> {bound, address, 4, 16, once};
field(17) -> {creation, u32, 4, 16#FFFFFFFF, once};
field(18) -> {revision, u32, 1, 16#FFFFFFFF, once};
field(19) -> {cluster, bytes, 1, 62, once};
field(20) -> {tag, bytes, 2, 200, 16};
field(21) -> {timeout_ms, u32, 0, 16#FFFFFFFF, once};
field(22) -> {filter, u8, 0, 16#FF, once};
field(23) -> {address, address, 4, 16, 8};
field(24) -> {origin, u8, 0, 16#FF, once};
field(25) -> {interface, bytes, 1, 64, once};
field(26) -> {state, u8, 0, 16#FF, once};
field(27) -> {age_s, u32, 0, 16#FFFFFFFF, once};
field(28) -> {event, u8, 0, 16#FF, once};
field(29) -> {stat, bytes, 1, 256, 64};
field(30) -> {code, u8, 0, 16#FF, once};
field(31) -> {text, bytes, 0, 1024, once};
field(_) -> unknown.

-spec tag(field()) -> byte().
tag(version) -> 1;
tag(version_min) -> 2;
tag(software) -> 3;
tag(capability) -> 4;
tag(owner) -> 5;
tag(agent) -> 6;
tag(node) -> 8;
tag(host) -> 9;
tag(port) -> 10;
tag(carrier) -> 11;
tag(family) -> 12;
tag(dist_high) -> 13;
tag(dist_low) -> 14;
tag(flags) -> 15;
tag(bound) -> 16;
tag(creation) -> 17;
tag(revision) -> 18;
tag(cluster) -> 19;
tag(tag) -> 20;
tag(timeout_ms) -> 21;
tag(filter) -> 22;
tag(address) -> 23;
tag(origin) -> 24;
tag(interface) -> 25;
tag(state) -> 26;
tag(age_s) -> 27;
tag(event) -> 28;
tag(stat) -> 29;
tag(code) -> 30;
tag(text) -> 31.

%% @doc The number of an address family.
-spec family(inet | inet6) -> 4 | 6.
family(inet) -> 4;
family(inet6) -> 6.

%% @doc The number of a carrier.
-spec carrier(inet | inet6, tcp | tls) -> carrier().
carrier(inet, tcp) -> 1;
carrier(inet6, tcp) -> 2;
carrier(inet, tls) -> 3;
carrier(inet6, tls) -> 4.

%% @doc The address family of a carrier.
-spec carrier_family(carrier()) -> inet | inet6.
carrier_family(Carrier) when Carrier =:= 1; Carrier =:= 3 -> inet;
carrier_family(Carrier) when Carrier =:= 2; Carrier =:= 4 -> inet6.

%% @doc The name of a carrier, as `-proto_dist' has it.
-spec carrier_name(carrier()) -> string().
carrier_name(1) -> "inet_tcp";
carrier_name(2) -> "inet6_tcp";
carrier_name(3) -> "inet_tls";
carrier_name(4) -> "inet6_tls".

%% @doc The name of an error's code.
-spec code(byte()) -> code().
code(1) -> bad_frame;
code(2) -> bad_version;
code(3) -> hello_first;
code(4) -> unknown_op;
code(5) -> bad_field;
code(6) -> duplicate_id;
code(7) -> duplicate_name;
code(8) -> not_owner;
code(9) -> not_found;
code(10) -> only_link_local;
code(11) -> limit;
code(12) -> timeout;
code(13) -> unavailable;
code(_) -> unknown_code.

%% @doc The bytes of an address.
-spec address(inet:ip_address()) -> binary().
address({A, B, C, D}) ->
    <<A, B, C, D>>;
address({A, B, C, D, E, F, G, H}) ->
    <<A:16, B:16, C:16, D:16, E:16, F:16, G:16, H:16>>.

%% @doc The address in some bytes, as the field `address' has them.
-spec ip(binary()) -> inet:ip_address().
ip(<<A, B, C, D>>) ->
    {A, B, C, D};
ip(<<A:16, B:16, C:16, D:16, E:16, F:16, G:16, H:16>>) ->
    {A, B, C, D, E, F, G, H}.
