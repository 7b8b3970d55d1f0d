%% SPDX-License-Identifier: Apache-2.0
%% SPDX-FileCopyrightText: 2026 The epmdns authors

%% The golden vectors of the wire protocol; the format is in tests/vectors/README.md.
-module(epmdns_vectors).

-export([read/0]).

%% [#{vector, frame, result, op, id, fields, canonical, problem}]
read() ->
    Path = os:getenv("EPMDNS_VECTORS", "../tests/vectors/frames.txt"),
    {ok, Bytes} = file:read_file(Path),
    Blocks = binary:split(Bytes, <<"\n\n">>, [global]),
    [vector(Lines) || Block <- Blocks, Lines <- [lines(Block)], Lines =/= []].

lines(Block) ->
    Lines = binary:split(Block, <<"\n">>, [global, trim_all]),
    [Line || Line <- Lines, binary:first(Line) =/= $#].

vector(Lines) ->
    Default = #{frame => <<>>, fields => [], canonical => <<"yes">>, problem => none},
    lists:foldl(fun line/2, Default, Lines).

line(Line, Vector) ->
    case binary:split(Line, <<" ">>) of
        [<<"vector">>, Name] -> Vector#{vector => Name};
        [<<"hex">>, Hex] -> hex(bytes(Hex), Vector);
        [<<"result">>, Result] -> Vector#{result => binary_to_atom(Result, latin1)};
        [<<"op">>, Op] -> Vector#{op => binary_to_atom(Op, latin1)};
        [<<"id">>, Id] -> Vector#{id => binary_to_integer(Id)};
        [<<"canonical">>, Canonical] -> Vector#{canonical := Canonical};
        [<<"problem">>, Field] -> Vector#{problem := binary_to_atom(Field, latin1)};
        [Field] -> field(Field, <<>>, Vector);
        [Field, Value] -> field(Field, Value, Vector)
    end.

hex(Bytes, #{frame := Frame} = Vector) ->
    Vector#{frame := <<Frame/binary, Bytes/binary>>}.

field(Field, Value, #{fields := Fields} = Vector) ->
    Vector#{fields := Fields ++ [{binary_to_atom(Field, latin1), Value}]}.

bytes(Hex) ->
    <<<<(binary_to_integer(Byte, 16))>> || <<Byte:2/binary>> <= Hex>>.
