#include "cli/cli.h"
#include "cli/ready.h"
#include "cli/report_options.h"
#include "cli/session.h"
#include "cli/targets.h"
#include "trace/writer.h"
#include "util/duration.h"
#include "util/privileges.h"
#include "util/text.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

namespace numadrift::cli {
namespace {

struct RecordOptions {
    std::shared_ptr<TargetOptions> targets = std::make_shared<TargetOptions>();
    std::string file;
    std::string flight;
    std::vector<std::string> triggers;
    std::string after = "10s";
    std::string every = "60s";
    std::size_t keep = 10;
    std::string duration;
    std::string hooks = "auto";
    std::uint32_t ring_mib = 16;
    std::optional<std::uint32_t> sample_hz;
    double budget_percent = 1;
    std::optional<int> ready_fd;
    std::shared_ptr<ReportOptions> report = std::make_shared<ReportOptions>();
};

std::string host_name() {
    char host[65] = "host";
    if (::gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    return host;
}

void say_what_is_off(const LiveSource& live) {
    for (const SourceState& state : live.sources())
        if (!state.on) say(fmt::format("off: {}: {}", state.source, state.why));
}

Result<std::uint64_t> parse_ns(const std::string& text) {
    const auto length = parse_duration(text);
    if (!length) return length.error();
    return static_cast<std::uint64_t>(length->count());
}

// "60s", "60s,256M".
Result<flight::RingLimits> parse_flight(const std::string& text) {
    const std::size_t comma = text.find(',');
    const auto length_ns = parse_ns(text.substr(0, comma));
    if (!length_ns) return length_ns.error();
    flight::RingLimits limits;
    limits.length_ns = *length_ns;
    if (comma == std::string::npos) return limits;
    const auto bytes = parse_size(text.substr(comma + 1));
    if (!bytes)
        return Error{fmt::format("not a size: {}", text.substr(comma + 1)), "for example: --flight 60s,256M",
                     true};
    limits.bytes = *bytes;
    constexpr std::uint64_t kLeastBytes = std::uint64_t{1} << 20;
    if (limits.bytes >= kLeastBytes) return limits;
    return Error{"a flight recording needs 1 MiB at least", "for example: --flight 60s,256M", true};
}

Result<flight::Options> flight_options(const RecordOptions& options) {
    flight::Options flight;
    const auto ring = parse_flight(options.flight);
    if (!ring) return ring.error();
    flight.ring = *ring;
    const auto after = parse_ns(options.after);
    if (!after) return after.error();
    flight.after_ns = *after;
    const auto every = parse_ns(options.every);
    if (!every) return every.error();
    flight.every_ns = *every;
    flight.keep = options.keep;
    flight.file = options.file.empty() ? fmt::format("numadrift-{}.ndt", host_name()) : options.file;
    return flight;
}

Result<std::vector<trigger::Condition>> conditions_of(const RecordOptions& options) {
    std::vector<trigger::Condition> conditions;
    for (const std::string& text : options.triggers) {
        auto condition = trigger::parse_condition(text);
        if (!condition) return condition.error();
        conditions.push_back(*std::move(condition));
    }
    if (!conditions.empty() && options.flight.empty())
        return Error{"--trigger says when a flight recording is written, and this is none",
                     "add --flight 60s", true};
    return conditions;
}

// A recorder nobody can speak to records all the same.
std::optional<control::Server> open_control() {
    auto server = control::Server::open();
    if (server) return {*std::move(server)};
    say(fmt::format("off: control: {}", server.error().what));
    return std::nullopt;
}

// That of the command, where it ended while it was recorded; one that a signal to the recorder ended too has
// nothing to say.
int exit_status(const Session& session) {
    return session.child && !stop_asked() ? session.child->status().value_or(0) : 0;
}

constexpr const char* kStdout = "-"; // as the name of a file

// Of one that goes to stdout the reader makes the report.
Status check_stream(const RecordOptions& options) {
    if (options.file != kStdout) return Done{};
    if (!options.flight.empty())
        return Error{"a flight recording writes files, and - is none", "give -o FILE, or no --flight", true};
    if (options.report->json || options.report->check)
        return Error{"the trace goes to stdout, so no report does",
                     "numadrift record -o - … | numadrift report - --json", true};
    return Done{};
}

Result<trace::Writer> open_writer(const std::string& file) {
    if (file == kStdout) return trace::Writer::to_stdout();
    if (!file.empty()) return trace::Writer::create(file);
    return trace::Writer::create_new(
        fmt::format("numadrift-{}-{:%Y%m%d-%H%M%S}", host_name(), fmt::localtime(std::time(nullptr))));
}

Result<int> record_to_file(const RecordOptions& options, LiveSource& live, const std::string& how,
                           Session session, Ready& ready) {
    auto writer = open_writer(options.file);
    if (!writer) return writer.error();
    say_what_is_off(live);
    say(fmt::format("Recording {} to {}; Ctrl-C ends it.", printable(how), writer->path()));
    ready.tell();
    session.sink = &*writer;
    const Status status = run(live, session);
    // Programs are detached by now. What else there is to end may wait for a lock of the target, and
    // must not keep the answer back.
    release_signals();
    if (!writer->can_be_read()) {
        if (!status) return status.error();
        if (options.file != kStdout)
            say(fmt::format("No report: what goes to {} cannot be read again.", writer->path()));
        return options.report->check ? kExitUnanswered : exit_status(session);
    }
    auto printed = print_report(writer->path(), *options.report);
    if (!status) return status.error();
    if (printed && *printed == 0) return exit_status(session);
    return printed;
}

Result<int> record_flight(const flight::Options& options, LiveSource& live, const std::string& how,
                          Session session, Ready& ready, std::vector<trigger::Condition> conditions,
                          const Thresholds& thresholds) {
    flight::Recorder recorder(options, say);
    trigger::Watch watch(std::move(conditions), thresholds);
    say_what_is_off(live);
    say(fmt::format("Keeping the last {} of {} in memory; numadrift trigger, SIGUSR2{} writes it.",
                    duration_text(static_cast<double>(options.ring.length_ns)), printable(how),
                    watch.is_empty() ? "" : " or a condition"));
    ready.tell();
    session.sink = &recorder;
    session.flight = &recorder;
    session.watch = &watch;
    const Status status = run(live, session);
    release_signals();
    if (!status) return status.error();
    std::string files;
    for (const std::string& file : recorder.files()) files += file + "\n";
    if (auto printed = print_out(files); !printed) return printed.error();
    return exit_status(session);
}

Result<int> start(const RecordOptions& options) {
    auto ready = Ready::open(options.ready_fd);
    if (!ready) return ready.error();
    std::optional<std::chrono::nanoseconds> duration;
    if (!options.duration.empty() && options.duration != "0") { // as of timeout(1)
        const auto parsed = parse_duration(options.duration);
        if (!parsed) return parsed.error();
        duration = *parsed;
    }
    if (auto status = check_stream(options); !status) return status.error();
    auto conditions = conditions_of(options);
    if (!conditions) return conditions.error();
    std::optional<flight::Options> flight;
    if (!options.flight.empty()) {
        const auto parsed = flight_options(options);
        if (!parsed) return parsed.error();
        flight = *parsed;
    }
    std::optional<Child> child;
    options.targets->command_prints_to_stderr = options.file == kStdout;
    auto chosen = choose_targets(*options.targets, child);
    if (!chosen) return chosen.error();
    chosen->tracepoints_only = options.hooks == "tracepoint";
    chosen->ring_mib = options.ring_mib;
    chosen->sample_hz = options.sample_hz;
    chosen->budget = options.budget_percent / 100;

    const auto directory = std::filesystem::path(options.file).parent_path().string();
    chosen->keeps_override =
        !may_write_without_override(directory.empty() ? "." : directory) || is_file_of_others(options.file);
    chosen->executes = std::ranges::any_of(*conditions, [](const auto& one) { return !one.command.empty(); });

    catch_signals();
    auto live = LiveSource::attach(*chosen);
    if (!live) return live.error();
    auto control = open_control();
    Session session;
    session.control = control ? &*control : nullptr;
    session.child = child ? &*child : nullptr;
    if (child) ready->leave_manager_to_command();
    session.duration = duration;
    if (flight)
        return record_flight(*flight, **live, chosen->how, session, *ready, *std::move(conditions),
                             options.report->thresholds);
    return record_to_file(options, **live, chosen->how, session, *ready);
}

} // namespace

Run add_record(CLI::App& app) {
    Verb verb(app, "record", "Record a process while it runs, then say what happened",
              "Examples:\n"
              "  numadrift record -p 4711                 until Ctrl-C\n"
              "  numadrift record --comm postgres -d 60s  all of that name, for a minute\n"
              "  numadrift record -- ./server --port 80   from the first instruction on\n"
              "  ssh db1 numadrift record -o - -p 4711 -d 30s | numadrift report -\n"
              "  numadrift record --flight 60s -p 4711 --trigger 'locality<0.7 for 5s'\n"
              "                                           for weeks; files when it is needed\n"
              "Children and threads that are born while it records are followed.\n"
              "Ends with the status of the command, where there is one.");
    auto options = std::make_shared<RecordOptions>();
    add_target_options(verb, options->targets);
    verb.option("-o,--output", options->file,
                "Trace file [numadrift-HOST-YYYYmmdd-HHMMSS.ndt]; -: stdout, and no report");
    verb.option("-d,--duration", options->duration, "Stop after: 60s, 500ms, 1h30m [0: until Ctrl-C]");
    verb.option("--flight", options->flight,
                "Keep the last 60s[,256M] in memory only; a trigger writes them to a file");
    verb.option("--trigger", options->triggers,
                "Write it when: 'locality<0.7 for 5s', 'thread away>30%', 'psi.memory>10%', "
                "'migrations>1000/s', 'exec:COMMAND' fails, 'exec>500ms:COMMAND'; more than one may be given")
        .takes_one();
    verb.option("--after", options->after, "… and what follows for so long").shows_default();
    verb.option("--every", options->every, "Conditions write one file in that time at most").shows_default();
    verb.option("--keep", options->keep, "Files of windows that are kept; older ones are deleted")
        .is_positive()
        .shows_default();
    verb.option("--ready-fd", options->ready_fd,
                "Write a line into this descriptor, and close it, when events flow");
    verb.option("--hooks", options->hooks,
                "auto: exact sources where the kernel allows; tracepoint: leave fentry alone")
        .is_one_of({"auto", "tracepoint"})
        .shows_default();
    verb.option("--ring-mib", options->ring_mib, "Buffer of each node, a power of two")
        .is_one_of({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024})
        .shows_default();
    verb.option("--sample-hz", options->sample_hz,
                "Samples of data addresses a second on each CPU, 0: none [97; fewer from 65 CPUs on]")
        .is_within(0, 1000);
    verb.option("--budget", options->budget_percent,
                "What the BPF programs may cost: percent of one CPU for each node; 0: no limit. Beyond "
                "it page faults are looked at in slices of time, openly")
        .is_within(0.0, 100.0)
        .shows_default();
    add_report_options(verb, options->report);
    return [options] { return start(*options); };
}

} // namespace numadrift::cli
