# A client of transportd in plain Perl: JSON in LSP framing, bytes as base64. The same as client.py and demo.py.
use v5.20;
use warnings;
use feature 'signatures';
no warnings 'experimental::signatures';
use IPC::Open2;
use JSON::PP;
use MIME::Base64;

my $json = JSON::PP->new->utf8;
my $pid = open2(my $output, my $input, 'transportd', 'stdio');
binmode $_ for $output, $input;
$| = 1;
$input->autoflush(1);

my ($id, %answers, %protocols, %factories) = (0);

sub send_message (%message) {
    my $body = $json->encode({ jsonrpc => '2.0', %message });
    print {$input} 'Content-Length: ', length($body), "\r\n\r\n", $body;
}

sub receive () {
    my $length;
    while (1) {
        defined(my $line = <$output>) or die "the daemon is gone\n";
        last if $line eq "\r\n";
        $length = $1 if $line =~ /^Content-Length:\s*(\d+)/i;
    }
    read($output, my $body, $length) == $length or die "the daemon is gone\n";
    return $json->decode($body);
}

sub notify ($method, %params) {
    $params{data} = encode_base64($params{data}, '') if defined $params{data};
    send_message(method => $method, params => \%params);
}

# For the main program; a callback only notifies, so that callbacks stay in order.
sub request ($method, %params) {
    my $wanted = ++$id;
    send_message(id => $wanted, method => $method, params => \%params);
    step() until exists $answers{$wanted};
    my $answer = delete $answers{$wanted};
    die "$answer->{error}{code}: $answer->{error}{message}\n" if $answer->{error};
    return $answer->{result};
}

# Takes one message: an answer, or a callback for the protocol of a transport.
sub step () {
    my $message = receive();
    return $answers{ $message->{id} // 'null' } = $message if exists $message->{id};
    my ($name) = $message->{method} =~ m{([^/]+)$};
    my $params = $message->{params};
    $params->{data} = decode_base64($params->{data}) if defined $params->{data};
    my $transport = $params->{transport};
    if ($name eq 'connectionMade' and my $factory = $factories{ $params->{server} // '' }) {
        $protocols{$transport} = $factory->();
    }
    my $callback = $protocols{$transport} && $protocols{$transport}{$name};
    $callback->($transport, $params) if $callback;
    delete $protocols{$transport} if $name eq 'connectionLost';
}

# Until every transport is lost.
sub run () { step() while %protocols }

sub shout () {
    return {
        dataReceived => sub ($transport, $params) {
            notify('transport/write', transport => $transport, data => uc $params->{data});
            notify('transport/close', transport => $transport);
        },
    };
}

sub printing () {
    return {
        dataReceived => sub ($transport, $params) { say $params->{data} },
        pipeDataReceived => sub ($transport, $params) { print $params->{data} },
    };
}

request('initialize', protocolVersion => 1);
notify('initialized');

my $server = request('loop/createServer', host => '127.0.0.1', port => 0);
$factories{ $server->{server} } = \&shout;
my $port = $server->{sockets}[0]{port};
my $connection = request('loop/createConnection', host => '127.0.0.1', port => $port)->{transport};
$protocols{$connection} = printing();
notify('transport/write', transport => $connection, data => 'hello from a socket');
run();

my $process = request('loop/subprocessExec', program => 'echo', args => ['hello from a process'])->{transport};
$protocols{$process} = printing();
run();

request('shutdown');
notify('exit');
waitpid $pid, 0;
