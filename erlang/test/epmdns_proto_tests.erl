%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

-module(epmdns_proto_tests).

-include_lib("eunit/include/eunit.hrl").

-define(LISTS, [capability, tag, address, stat]).

vectors_test_() ->
    Vectors = epmdns_vectors:read(),
    Case = fun(#{vector := Name} = Vector) ->
        {binary_to_list(Name), fun() -> check(Vector) end}
    end,
    [?_assert(length(Vectors) > 200) | lists:map(Case, Vectors)].

check(#{result := Result, frame := Frame} = Vector) ->
    Decoded = decode(Frame),
    case Result of
        ok ->
            {ok, {Op, Id, Fields}} = Decoded,
            ?assertEqual({maps:get(op, Vector), maps:get(id, Vector)}, {Op, Id}),
            ?assertEqual(lists:sort(maps:get(fields, Vector)), lists:sort(as_text(Fields))),
            IsCanonical = maps:get(canonical, Vector) =:= <<"yes">>,
            ?assertEqual(IsCanonical, encode(Op, Id, Fields) =:= Frame),
            %% What was decoded can be encoded, and means the same again.
            ?assertEqual(Decoded, decode(encode(Op, Id, Fields)));
        bad_frame ->
            ?assertMatch({error, bad_frame, _, _, none}, Decoded);
        unknown_op ->
            ?assertMatch({error, unknown_op, Number, _, none} when is_integer(Number), Decoded),
            ?assertEqual(maps:get(id, Vector), element(4, Decoded));
        bad_field ->
            #{op := Op, id := Id, problem := Problem} = Vector,
            ?assertEqual({error, bad_field, Op, Id, Problem}, Decoded)
    end.

%% What the socket does with `{packet, 2}' and `packet_size', and then the codec.
decode(<<Length:16, Body:Length/binary>>) -> epmdns_proto:decode(Body);
decode(<<Length:16, _/binary>>) when Length > 8192 ->
    ?assertEqual(8192, epmdns_proto:body_max()),
    {error, bad_frame, 0, 0, none}.

encode(Op, Id, Fields) ->
    Body = epmdns_proto:encode(Op, Id, Fields),
    <<(byte_size(Body)):16, Body/binary>>.

as_text(Fields) ->
    lists:append([
        case lists:member(Name, ?LISTS) of
            true -> [{Name, value(V)} || V <- Value];
            false -> [{Name, value(Value)}]
        end
     || {Name, Value} <- maps:to_list(Fields)
    ]).

value(Number) when is_integer(Number) -> integer_to_binary(Number);
value(Bytes) -> list_to_binary([io_lib:format("~2.16.0b", [Byte]) || <<Byte>> <= Bytes]).

%% Every good vector cut off at every byte, as in tests/unit/test_codec_cut.c: by the stream, which
%% the socket waits for, and by a peer that says so in the length.
cut_off_test_() ->
    Good = [Frame || #{result := ok, frame := Frame} <- epmdns_vectors:read()],
    [
        ?_assert(length(Good) > 50),
        {timeout, 60, fun() -> lists:foreach(fun cut_stream/1, Good) end},
        {timeout, 60, fun() -> [cut_body(Body) || <<_:16, Body/binary>> <- Good] end}
    ].

cut_stream(Frame) ->
    [
        ?assertMatch({more, _}, erlang:decode_packet(2, binary:part(Frame, 0, Length), []))
     || Length <- lists:seq(0, byte_size(Frame) - 1)
    ].

cut_body(<<Op, Id:32, Fields/binary>> = Body) ->
    Ends = field_ends(Fields, 5, []),
    [
        check_cut(lists:keyfind(Length, 1, Ends), Op, Id, epmdns_proto:decode(Cut))
     || Length <- lists:seq(5, byte_size(Body)), Cut <- [binary:part(Body, 0, Length)]
    ],
    [
        ?assertEqual({error, bad_frame, 0, 0, none}, epmdns_proto:decode(binary:part(Body, 0, N)))
     || N <- lists:seq(0, 4)
    ].

%% Where a field ends, and which ones there are by then.
field_ends(<<>>, End, Tags) ->
    [{End, Tags}];
field_ends(<<Tag, Length:16, _:Length/binary, Rest/binary>>, End, Tags) ->
    [{End, Tags} | field_ends(Rest, End + 3 + Length, [Tag | Tags])].

check_cut(false, Op, Id, Decoded) ->
    ?assertMatch({error, bad_frame, _, Id, none} when is_integer(Op), Decoded);
check_cut({_, Tags}, Op, Id, Decoded) ->
    case [Name || {Tag, Name} <- required(Op), not lists:member(Tag, Tags)] of
        [] -> ?assertMatch({ok, {_, Id, _}}, Decoded);
        [Lowest | _] -> ?assertMatch({error, bad_field, _, Id, Lowest}, Decoded)
    end.

%% In the words of epmdns-protocol(7), and in the order of their tags.
required(1) -> [{1, version}];
required(2) -> [{8, node}, {10, port}, {11, carrier}, {13, dist_high}, {14, dist_low}];
required(3) -> [{8, node}];
required(4) -> [{8, node}, {12, family}];
required(10) -> [{8, node}];
required(129) -> [{1, version}];
required(130) -> [{17, creation}, {18, revision}];
required(132) -> [{10, port}, {13, dist_high}, {14, dist_low}, {23, address}];
required(255) -> [{30, code}];
required(_) -> [].

%% Whatever bytes come, there is an answer, and what is accepted can be sent again.
random_bodies_test_() ->
    {timeout, 60, fun() ->
        Bodies = [Body || #{frame := <<_:16, Body/binary>>} <- epmdns_vectors:read()],
        _ = rand:seed(exsss, {1, 2, 3}),
        [mutate(Body) || Body <- Bodies, byte_size(Body) < 300, _ <- lists:seq(1, 100)]
    end}.

mutate(Body) ->
    At = rand:uniform(byte_size(Body) + 1) - 1,
    <<Head:At/binary, Tail/binary>> = Body,
    Mutated =
        case {rand:uniform(4), Tail} of
            {1, _} -> Head;
            {2, <<_, Rest/binary>>} -> <<Head/binary, (rand:uniform(256) - 1), Rest/binary>>;
            {3, <<_, Rest/binary>>} -> <<Head/binary, Rest/binary>>;
            {_, _} -> <<Head/binary, (rand:uniform(256) - 1), Tail/binary>>
        end,
    case epmdns_proto:decode(Mutated) of
        {ok, {Op, Id, Fields}} = Decoded ->
            ?assertEqual(Decoded, epmdns_proto:decode(epmdns_proto:encode(Op, Id, Fields)));
        {error, _, _, _, _} ->
            ok
    end.

bad_values_are_not_packed_test_() ->
    [
        ?_assertError({bad_field, Name}, epmdns_proto:pack(Fields))
     || {Name, Fields} <- [
            {port, #{port => 0}},
            {port, #{port => 65536}},
            {port, #{port => -1}},
            {creation, #{creation => 3}},
            {family, #{family => 5}},
            {node, #{node => <<>>}},
            {node, #{node => binary:copy(<<"n">>, 256)}},
            {node, #{node => "a string"}},
            {address, #{address => [<<1, 2, 3>>]}},
            {tag, #{tag => lists:duplicate(17, <<"k=v">>)}},
            {none, #{stat => lists:duplicate(64, binary:copy(<<"s">>, 256))}}
        ]
    ].

codes_have_names_test() ->
    Names = [epmdns_proto:code(Code) || Code <- lists:seq(1, 13)],
    ?assertEqual(13, length(lists:usort(Names))),
    ?assertEqual([], [unknown_code || unknown_code <- Names]),
    ?assertEqual([unknown_code], lists:usort([epmdns_proto:code(Code) || Code <- [0, 14, 255]])).

addresses_test_() ->
    [
        ?_assertEqual(Ip, epmdns_proto:ip(epmdns_proto:address(Ip)))
     || Ip <- [
            {127, 0, 0, 1},
            {255, 255, 255, 255},
            {0, 0, 0, 0, 0, 0, 0, 1},
            {16#fd00, 1, 2, 3, 4, 5, 6, 16#ffff}
        ]
    ].
