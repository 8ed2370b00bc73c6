#include "cli/session.h"

#include "util/clock.h"
#include "util/text.h"

#include <csignal>
#include <cstdio>
#include <fmt/core.h>
#include <thread>
#include <utility>

namespace numadrift::cli {
namespace {

using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t g_stop = 0;
volatile std::sig_atomic_t g_trigger = 0;

void on_stop(int) {
    g_stop = 1;
}

void on_trigger(int) {
    g_trigger = 1;
}

// A line that is written over while recording, on a terminal only.
class Progress {
public:
    void show(Clock::duration elapsed, const LiveProgress& now, std::uint64_t bytes) {
        if (!is_terminal_ || Clock::now() < next_) return;
        next_ = Clock::now() + std::chrono::milliseconds(500);
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
        const std::string line = fmt::format("\r{:>4} s  {} threads  {} events  {}lost {}  {}   ", seconds,
                                             now.threads, count_text(now.received), now.lost > 0 ? "!" : "",
                                             count_text(now.lost), size_text(bytes));
        std::fputs(line.c_str(), stderr);
        std::fflush(stderr);
        shown_ = true;
    }
    ~Progress() {
        if (shown_) std::fputs("\n", stderr);
    }

private:
    const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    Clock::time_point next_{};
    bool shown_ = false;
};

// Somebody asks for the window: answers the file's name, which the window has as a mark, too.
Result<std::string> trigger(LiveSource& live, flight::Recorder& flight, const std::string& reason) {
    auto file = flight.trigger(monotonic_ns(), reason);
    if (file) live.mark("trigger: " + reason);
    return file;
}

// "mark TEXT" and "trigger TEXT".
std::string answer(LiveSource& live, const Session& session, const std::string& line) {
    const std::size_t space = line.find(' ');
    const std::string verb = line.substr(0, space);
    const std::string text = space == std::string::npos ? "" : line.substr(space + 1);
    if (verb == "mark" && !text.empty()) {
        live.mark(text);
        return "marked";
    }
    if (verb != "trigger") return "error: not understood: " + printable(verb);
    if (!session.flight)
        return "error: this recorder writes everything to its file; there is no window to write";
    const auto file = trigger(live, *session.flight, text.empty() ? "asked for" : text);
    return file ? *file : "error: " + file.error().what;
}

// The last words of a file are what threads ran until its end. Answers of which end they were asked for.
std::uint64_t look_at_the_end(LiveSource& live, const flight::Recorder& flight, std::uint64_t looked_for_ns) {
    const std::uint64_t until_ns = flight.until_ns();
    if (until_ns == 0 || until_ns == looked_for_ns || monotonic_ns() < until_ns) return looked_for_ns;
    live.look_soon();
    return until_ns;
}

void look_for_triggers(LiveSource& live, const Session& session) {
    if (session.control)
        session.control->pass([&](const std::string& line) { return answer(live, session, line); });
    if (std::exchange(g_trigger, 0) && session.flight)
        (void)trigger(live, *session.flight, "SIGUSR2"); // it has said what went wrong
    if (!session.watch) return;
    const std::uint64_t now_ns = monotonic_ns();
    if (const auto reason = session.watch->pass(now_ns); reason && session.flight->condition(now_ns, *reason))
        live.mark("trigger: " + *reason);
}

void say_end_of(Child& command) {
    if (const auto end = command.ended()) say(fmt::format("The command {}.", *end));
}

// What became of the command. Where all its threads have ended, so has it, or does within a moment.
void conclude(Child& command, bool has_ended) {
    const auto give_up = Clock::now() + std::chrono::seconds(has_ended ? 1 : 0);
    for (say_end_of(command); !command.status() && Clock::now() < give_up; say_end_of(command))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!command.status()) say(fmt::format("The command, process {}, goes on.", command.pid()));
}

} // namespace

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = on_stop; // no SA_RESTART: the pause between two looks ends at once
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
    action.sa_handler = on_trigger;
    ::sigaction(SIGUSR2, &action, nullptr);
}

bool stop_asked() {
    return g_stop != 0;
}

void release_signals() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
}

Status run(LiveSource& live, const Session& session) {
    const auto begin = Clock::now();
    Progress progress;
    std::uint64_t looked_for_ns = 0;
    std::vector<Event> events;
    if (session.child) session.child->release();
    if (session.control) live.wake_for(session.control->fd());
    for (;;) {
        const auto outcome = live.next(events);
        if (!outcome) return outcome.error();
        if (*outcome == Outcome::end) {
            if (session.child) conclude(*session.child, !live.targets_alive());
            return session.sink->end();
        }
        for (const Event& event : events) {
            if (auto status = session.sink->add(event); !status) return status;
            if (session.watch) session.watch->add(event);
        }
        if (auto status = session.sink->pass(monotonic_ns()); !status) return status;
        if (session.child) say_end_of(*session.child);
        look_for_triggers(live, session);
        if (session.flight) looked_for_ns = look_at_the_end(live, *session.flight, looked_for_ns);
        const bool is_over = session.duration && Clock::now() - begin >= *session.duration;
        if (g_stop || !live.targets_alive() || is_over) live.stop();
        progress.show(Clock::now() - begin, live.progress(), session.sink->bytes());
    }
}

} // namespace numadrift::cli
