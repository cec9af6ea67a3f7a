# Net::SMTP with perl's SASL libraries: the task comes as JSON on stdin, like nodemailer.js.
use strict;
use warnings;
use Authen::SCRAM::Client;
use JSON::PP;
use MIME::Base64;
use Net::SMTP;

my $task = decode_json(do { local $/; <STDIN> });
my %tls  = (SSL_ca_file => $task->{ca});
my $smtp = Net::SMTP->new('localhost', Port => $task->{port}, Hello => $task->{helo}, Timeout => 20, ($task->{transport} eq 'tls' ? (SSL => 1, %tls) : ()))
    or die "no connection: $@\n";
if ($task->{transport} eq 'starttls') { $smtp->starttls(%tls) or die "no TLS: $@\n" }

sub said { return join ' ', $smtp->code, $smtp->message }

# RFC 4954 4: the server's proof comes as a challenge, and an empty line answers it.
sub scram {
    my ($digest) = $task->{mechanism} =~ /^SCRAM-(.*)$/;
    my $client = Authen::SCRAM::Client->new(username => $task->{user}, password => $task->{pass}, digest => $digest);
    my $step = sub { $smtp->command(@_); $smtp->response; return decode_base64($smtp->message) };
    my $first = $step->('AUTH', $task->{mechanism}, encode_base64($client->first_msg, ''));
    return 0 if $smtp->code != 334;
    my $proof = $step->(encode_base64($client->final_msg($first), ''));
    return 0 if $smtp->code != 334;
    $client->validate($proof);
    $step->('');
    return $smtp->code == 235;
}

sub sasl {
    require Authen::SASL;
    Authen::SASL->import($task->{library});
    my %who = $task->{library} eq 'Cyrus' ? (user => $task->{user}, auth => $task->{user}, authname => $task->{user}) : (user => $task->{user}, authname => '');
    return $smtp->auth(Authen::SASL->new(mechanism => $task->{mechanism}, callback => { %who, pass => $task->{pass} }));
}

($task->{library} eq 'SCRAM' ? scram() : sasl()) or die 'sign-in: ' . said() . "\n";
$smtp->mail($task->{user}) && $smtp->to($task->{to}) && $smtp->data($task->{raw}) or die said() . "\n";
$smtp->quit;
print "sent\n";
