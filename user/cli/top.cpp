#include "cli/cli.h"
#include "cli/report_options.h"
#include "cli/session.h"
#include "cli/targets.h"
#include "source/file.h"
#include "source/replay.h"
#include "ui/terminal.h"
#include "util/clock.h"
#include "util/duration.h"
#include "util/file.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <poll.h>

namespace numadrift::cli {
namespace {

struct TopOptions {
    std::shared_ptr<TargetOptions> targets = std::make_shared<TargetOptions>();
    std::string replay;
    double speed = 1;
    std::string delay = "1s";
    bool once = false;
};

// A live recording or a replay: what both can do for a screen.
struct Feed {
    std::unique_ptr<LiveSource> live;
    std::unique_ptr<Source> replay;
    std::string how;

    Result<Outcome> next(std::vector<Event>& events) const { return (live ? *live : *replay).next(events); }
    bool has_targets() const { return !live || live->targets_alive(); }
};

// ---- what keys do ----

void move_choice(ui::View& view, const std::vector<ui::TopRow>& rows, std::ptrdiff_t by) {
    const auto chosen = std::ranges::find_if(
        rows, [&view](const ui::TopRow& row) { return view.chosen == std::pair(row.pid, row.tid); });
    if (rows.empty()) return;
    const std::ptrdiff_t from = chosen == rows.end() ? -1 : chosen - rows.begin(); // the first key chooses
    const auto last = static_cast<std::ptrdiff_t>(rows.size()) - 1;
    const ui::TopRow& row = rows[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(from + by, 0, last))];
    view.chosen = std::pair(row.pid, row.tid);
}

void sort_by(ui::TopModel& model, ui::SortBy by) {
    model.reversed = model.sort == by && !model.reversed;
    model.sort = by;
}

// False: the screen is to be left.
bool press_letter(char letter, ui::TopModel& model, ui::View& view) {
    switch (letter) {
    case 'q':
        if (view.pane == ui::Pane::list) return false;
        view.pane = ui::Pane::list;
        break;
    case 'h':
    case '?': view.pane = ui::Pane::help; break;
    case 'p':
    case ' ': view.paused = !view.paused; break;
    case '/': view.is_typing = true; break;
    case 'r': sort_by(model, ui::SortBy::remote); break;
    case 'c': sort_by(model, ui::SortBy::cpu); break;
    case 'l': sort_by(model, ui::SortBy::locality); break;
    case 'm': sort_by(model, ui::SortBy::moves); break;
    case 'n': sort_by(model, ui::SortBy::name); break;
    case 't': sort_by(model, ui::SortBy::tid); break;
    default: break;
    }
    return true;
}

void type_filter(const ui::Pressed& pressed, ui::TopModel& model, ui::View& view) {
    if (pressed.key == ui::Key::letter && pressed.letter != 0) model.filter += pressed.letter;
    if (pressed.key == ui::Key::backspace && !model.filter.empty()) model.filter.pop_back();
    if (pressed.key == ui::Key::escape) model.filter.clear();
    if (pressed.key == ui::Key::escape || pressed.key == ui::Key::enter) view.is_typing = false;
}

bool press(const ui::Pressed& pressed, ui::TopModel& model, ui::View& view) {
    if (view.is_typing) {
        type_filter(pressed, model, view);
        return true;
    }
    const auto page = static_cast<std::ptrdiff_t>(std::max<std::size_t>(view.height / 2, 1));
    const auto move = [&](std::ptrdiff_t by) { move_choice(view, model.rows(), by); };
    switch (pressed.key) {
    case ui::Key::letter: return press_letter(pressed.letter, model, view);
    case ui::Key::up: move(-1); break;
    case ui::Key::down: move(1); break;
    case ui::Key::page_up: move(-page); break;
    case ui::Key::page_down: move(page); break;
    case ui::Key::home: move(PTRDIFF_MIN / 2); break;
    case ui::Key::end: move(PTRDIFF_MAX / 2); break;
    case ui::Key::enter:
        if (!view.chosen) move(1);
        view.pane = ui::Pane::detail;
        break;
    case ui::Key::escape:
        if (view.pane == ui::Pane::list) {
            model.filter.clear();
            view.chosen.reset();
        }
        view.pane = ui::Pane::list;
        break;
    case ui::Key::none:
    case ui::Key::backspace:
    case ui::Key::resize: break;
    }
    return true;
}

// ---- the two ways to look ----

class Top {
public:
    Top(Feed feed, std::uint64_t delay_ns) : feed_(std::move(feed)), delay_ns_(delay_ns) {
        view_.how = feed_.how;
    }

    Result<int> on_terminal(ui::Terminal& terminal);
    Result<int> on_paper(bool once);

private:
    Result<Outcome> take_events(int wait_ms);
    void read();
    void draw(ui::Terminal& terminal);
    Status print();

    Feed feed_;
    std::uint64_t delay_ns_;
    ui::TopModel model_;
    ui::View view_;
    std::vector<Event> events_;
    bool has_ended_ = false;
    bool reads_keys_ = false; // else nobody takes them from stdin
};

// Waits a little where nothing is there: a live source does so itself.
Result<Outcome> Top::take_events(int wait_ms) {
    const auto wait = [this, wait_ms] {
        pollfd keys{STDIN_FILENO, POLLIN, 0};
        ::poll(&keys, reads_keys_ ? 1 : 0, wait_ms);
    };
    if (has_ended_) {
        wait();
        return Outcome::end;
    }
    auto outcome = feed_.next(events_);
    if (!outcome) return outcome.error();
    if (*outcome == Outcome::end || !feed_.has_targets()) {
        has_ended_ = true;
        view_.message = feed_.live ? "The target has ended." : "The recording ends here.";
    }
    if (*outcome == Outcome::batch)
        for (const Event& event : events_) model_.add(event);
    if (*outcome == Outcome::timeout && !feed_.live) wait();
    return outcome;
}

void Top::read() {
    model_.read();
    view_.clock = fmt::format("{:%H:%M:%S}", fmt::localtime(std::time(nullptr)));
    if (feed_.live) feed_.live->look_soon(); // for the next reading
}

void Top::draw(ui::Terminal& terminal) {
    view_.width = terminal.width();
    view_.height = terminal.height();
    const auto rows = model_.rows();
    ui::scroll(view_, model_, rows);
    terminal.show(ui::draw(model_, view_, rows));
}

Result<int> Top::on_terminal(ui::Terminal& terminal) {
    constexpr int kWaitMs = 50;
    constexpr std::uint64_t kShareOfACpu = 50; // one part in so many for readings, at most
    reads_keys_ = true;
    if (feed_.live) feed_.live->wake_for(STDIN_FILENO);
    std::uint64_t due_ns = 0;
    bool was_last_read = false;
    draw(terminal);
    while (!stop_asked()) {
        if (const auto outcome = take_events(kWaitMs); !outcome) return outcome.error();
        bool is_new = false;
        for (auto pressed = terminal.next_key(); pressed.key != ui::Key::none;
             pressed = terminal.next_key()) {
            if (!press(pressed, model_, view_)) return 0;
            is_new = true;
        }
        const std::uint64_t now_ns = monotonic_ns();
        if (now_ns >= due_ns && !view_.paused && !was_last_read) {
            was_last_read = has_ended_; // of what came since the reading before
            read();
            // Where very much happens a reading takes long: it is made less often then.
            due_ns = now_ns + std::max(delay_ns_, (monotonic_ns() - now_ns) * kShareOfACpu);
            is_new = true;
        }
        if (is_new) draw(terminal);
    }
    return 0;
}

Status Top::print() {
    view_.height = 0;
    const char* columns = std::getenv("COLUMNS");
    view_.width = std::clamp<std::size_t>(columns ? std::strtoul(columns, nullptr, 10) : 0, 80, 400);
    std::string page;
    for (const ui::Line& line : ui::draw(model_, view_, model_.rows())) page += ui::plain(line) + "\n";
    return print_out(page);
}

// A page after each delay or, once, when the last seconds are there.
Result<int> Top::on_paper(bool once) {
    constexpr int kWaitMs = 50;
    const bool at_end = once && !feed_.live;
    const std::uint64_t full_ns = monotonic_ns() + ui::TopModel::kWindowNs;
    std::uint64_t due_ns = monotonic_ns() + delay_ns_;
    while (!stop_asked()) {
        if (const auto outcome = take_events(kWaitMs); !outcome) return outcome.error();
        if (!has_ended_ && (monotonic_ns() < due_ns || at_end)) continue;
        due_ns += delay_ns_;
        read();
        if (once && !has_ended_ && monotonic_ns() < full_ns) continue;
        if (auto status = print(); !status) return status.error();
        if (once || has_ended_) break;
        if (auto status = print_out("\n"); !status) return status.error();
    }
    return 0;
}

Result<Feed> open_feed(const TopOptions& options, std::optional<Child>& child) {
    Feed feed;
    if (!options.replay.empty()) {
        auto source = open_trace(options.replay, {});
        if (!source) return source.error();
        feed.how = options.replay;
        if (options.once) feed.replay = *std::move(source);
        else feed.replay = std::make_unique<ReplaySource>(*std::move(source), options.speed);
        return feed;
    }
    auto chosen = choose_targets(*options.targets, child);
    if (!chosen) return chosen.error();
    feed.how = chosen->how;
    auto live = LiveSource::attach(*chosen);
    if (!live) return live.error();
    feed.live = *std::move(live);
    if (child) child->release();
    return feed;
}

Result<int> start(const TopOptions& options) {
    const auto delay = parse_duration(options.delay);
    if (!delay) return delay.error();
    const auto delay_ns = std::max<std::uint64_t>(static_cast<std::uint64_t>(delay->count()), 100'000'000);
    const bool is_on_terminal = !options.once && ::isatty(STDOUT_FILENO) == 1;
    if (is_on_terminal && !options.targets->command.empty())
        return Error{"a command and the screen would share this terminal",
                     "start it in another one and give -p PID, or use --once", true};
    std::optional<Child> child;
    catch_signals();
    auto feed = open_feed(options, child);
    if (!feed) return feed.error();
    Top top(*std::move(feed), delay_ns);
    if (!is_on_terminal) return top.on_paper(options.once);
    auto terminal = ui::Terminal::open();
    if (terminal) return top.on_terminal(**terminal);
    say(terminal.error().what + ": pages of text instead");
    say("hint: " + terminal.error().hint);
    return top.on_paper(false);
}

} // namespace

Run add_top(CLI::App& app) {
    Verb verb(app, "top", "Watch threads run away from their memory, live",
              "Examples:\n"
              "  numadrift top -p 4711\n"
              "  numadrift top --comm 'postgres*' --delay 500ms\n"
              "  numadrift top -p 4711 --once       one page of text, after three seconds\n"
              "  numadrift top --replay db.ndt      a recording, at its own pace");
    auto options = std::make_shared<TopOptions>();
    add_target_options(verb, options->targets);
    verb.option("--replay", options->replay, "Show a trace instead, at the pace it was recorded");
    verb.option("--speed", options->speed, "… or so many times faster")
        .is_within(0.01, 1000.0)
        .shows_default();
    verb.option("--delay", options->delay, "Between two readings").shows_default();
    verb.flag("--once", options->once, "Print one page and end");
    return [options] { return start(*options); };
}

} // namespace numadrift::cli
