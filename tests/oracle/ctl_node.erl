%% Calls ejabberd's control command many times from one Erlang node, as the script does once for each of its calls.
%% In: `ID WORD WORD ...` with every word in base64 (`-` for the empty one). Out: `ID STATUS OUTPUT`, the output in base64.
-module(ctl_node).
-export([start/0]).

start() ->
    [Node] = init:get_plain_arguments(),
    loop(list_to_atom(Node), self()).

loop(Node, Printer) ->
    case io:get_line("") of
        eof -> wait();
        Line ->
            [Id | Words] = string:lexemes(Line, " \n"),
            spawn(fun() -> one(Node, Id, [word(Word) || Word <- Words]) end),
            loop(Node, Printer)
    end.

wait() -> timer:sleep(200), halt(0).

word("-") -> "";
word(Text) -> unicode:characters_to_list(base64:decode(Text)).

one(Node, Id, Words) ->
    Stdout = group_leader(),
    Buffer = spawn(fun() -> buffer([]) end),
    group_leader(Buffer, self()),
    Answer = rpc:call(Node, ejabberd_ctl, process, [Words], 30000),
    {Status, Extra} =
        case Answer of
            {badrpc, Reason} -> {3, io_lib:format("Failed RPC connection to the node ~p: ~p~n", [Node, Reason])};
            Number -> {Number, ""}
        end,
    Buffer ! {take, self()},
    Text = receive {taken, Taken} -> Taken end,
    group_leader(Stdout, self()),
    %% Without a terminal Erlang writes a character as one byte, or as its number when it does not fit.
    Bytes = [bytes(Char) || Char <- lists:flatten([Text, Extra])],
    io:put_chars(Stdout, [Id, " ", io_lib:format("~p", [Status]), " =", base64:encode(iolist_to_binary(Bytes)), "\n"]).

bytes(Char) when Char < 256 -> Char;
bytes(Char) -> io_lib:format("\\x{~.16B}", [Char]).

buffer(Text) ->
    receive
        {io_request, From, Ref, Request} ->
            {Answer, More} = request(Request),
            From ! {io_reply, Ref, Answer},
            buffer([Text, More]);
        {take, Pid} -> Pid ! {taken, Text}
    end.

request({put_chars, Encoding, Chars}) -> {ok, unicode:characters_to_list(Chars, Encoding)};
request({put_chars, Chars}) -> request({put_chars, latin1, Chars});
request({put_chars, Encoding, Module, Function, Arguments}) ->
    request({put_chars, Encoding, apply(Module, Function, Arguments)});
request({requests, Requests}) ->
    lists:foldl(fun(One, {_, Text}) -> {Answer, More} = request(One), {Answer, [Text, More]} end, {ok, []}, Requests);
request(getopts) -> {[{encoding, unicode}], []};
request({setopts, _}) -> {ok, []};
request(_) -> {{error, enotsup}, []}.
