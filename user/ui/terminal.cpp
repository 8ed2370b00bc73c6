#define NCURSES_NOMACROS 1
#include "ui/terminal.h"

#include <clocale>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <curses.h>
#include <fmt/core.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#undef lines // macros of term.h
#undef columns

namespace numadrift::ui {
namespace {

constexpr short kHome = 1;
constexpr short kAway = 2;
constexpr short kSpread = 3;
constexpr short kUnknown = 4;
constexpr int kEscapeWaitMs = 25; // for what follows an escape that is a key's code

attr_t attributes_of(Style style) {
    const auto colour = [](short pair, attr_t otherwise) {
        return ::has_colors() ? static_cast<attr_t>(COLOR_PAIR(pair)) : otherwise;
    };
    switch (style) {
    case Style::plain: return A_NORMAL;
    case Style::bold: return A_BOLD;
    case Style::dim: return A_DIM;
    case Style::heading:
    case Style::chosen: return A_REVERSE;
    case Style::home: return colour(kHome, A_NORMAL);
    case Style::away: return colour(kAway, A_BOLD) | A_BOLD;
    case Style::spread: return colour(kSpread, A_NORMAL);
    case Style::unknown: return colour(kUnknown, A_DIM);
    case Style::alarm: return colour(kAway, A_BOLD) | A_BOLD;
    }
    return A_NORMAL;
}

void begin_colours() {
    const char* unwanted = std::getenv("NO_COLOR"); // no-color.org
    if ((unwanted && *unwanted) || !::has_colors()) return;
    ::start_color();
    ::use_default_colors();
    ::init_pair(kHome, COLOR_CYAN, -1);
    ::init_pair(kAway, COLOR_RED, -1);
    ::init_pair(kSpread, COLOR_YELLOW, -1);
    ::init_pair(kUnknown, COLOR_BLUE, -1);
}

// ---- a death that no destructor sees ----

constexpr int kDeadly[] = {SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// What a signal handler needs to leave the terminal as it was found.
termios g_found{};
char g_restoring[256] = "";

// Only what is safe in a handler (signal-safety(7)). SA_RESETHAND: the signal does the rest itself.
void leave_as_found(int number) {
    if (::write(STDOUT_FILENO, g_restoring, std::strlen(g_restoring)) < 0) ::_exit(128 + number);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &g_found);
    ::raise(number);
}

void prepare_for_death() {
    std::string text;
    for (const char* name : {"sgr0", "cnorm", "rmkx", "rmcup"}) // plain, cursor, keys, the other screen
        if (const char* code = ::tigetstr(name); reinterpret_cast<std::intptr_t>(code) > 0) text += code;
    std::snprintf(g_restoring, sizeof g_restoring, "%s", text.c_str());
    struct sigaction action {};
    action.sa_handler = leave_as_found;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int number : kDeadly) ::sigaction(number, &action, nullptr);
}

void forget_death() {
    for (const int number : kDeadly) std::signal(number, SIG_DFL);
}

} // namespace

Result<std::unique_ptr<Terminal>> Terminal::open() {
    std::setlocale(LC_CTYPE, "");
    const char* type = std::getenv("TERM");
    const Error unusable{fmt::format("cannot draw on a terminal of type {}", type && *type ? type : "(none)"),
                         "TERM=xterm numadrift top …, or --once for a page of text"};
    if (::isatty(STDOUT_FILENO) != 1 || ::isatty(STDIN_FILENO) != 1) return unusable;
    int status = 0;
    if (::setupterm(nullptr, STDOUT_FILENO, &status) != OK) return unusable;
    if (const char* place = ::tigetstr("cup");
        reinterpret_cast<std::intptr_t>(place) <= 0) // none, or no text
        return unusable;
    if (::tcgetattr(STDIN_FILENO, &g_found) != 0) return unusable;
    SCREEN* screen = ::newterm(nullptr, stdout, stdin);
    if (!screen) return unusable;
    prepare_for_death();
    ::set_term(screen);
    ::cbreak();
    ::noecho();
    ::nonl();
    ::curs_set(0);
    ::set_escdelay(kEscapeWaitMs);
    ::keypad(stdscr, TRUE);
    ::nodelay(stdscr, TRUE);
    begin_colours();
    return std::unique_ptr<Terminal>(new Terminal(screen));
}

Terminal::~Terminal() {
    ::endwin();
    forget_death();
    ::delscreen(static_cast<SCREEN*>(screen_));
}

std::size_t Terminal::width() const {
    return static_cast<std::size_t>(std::max(1, ::getmaxx(stdscr)));
}

std::size_t Terminal::height() const {
    return static_cast<std::size_t>(std::max(1, ::getmaxy(stdscr)));
}

void Terminal::show(const std::vector<Line>& lines) const {
    ::werase(stdscr);
    for (std::size_t y = 0; y < lines.size() && y < height(); ++y) {
        ::wmove(stdscr, static_cast<int>(y), 0);
        for (const Run& run : lines[y]) {
            ::wattrset(stdscr, static_cast<int>(attributes_of(run.style)));
            ::waddstr(stdscr, run.text.c_str());
        }
    }
    ::wattrset(stdscr, A_NORMAL);
    ::wrefresh(stdscr);
}

Pressed Terminal::next_key() {
    const int code = ::wgetch(stdscr);
    switch (code) {
    case ERR: return {};
    case KEY_UP: return {Key::up};
    case KEY_DOWN: return {Key::down};
    case KEY_PPAGE: return {Key::page_up};
    case KEY_NPAGE: return {Key::page_down};
    case KEY_HOME: return {Key::home};
    case KEY_END: return {Key::end};
    case KEY_RESIZE: return {Key::resize};
    case KEY_ENTER:
    case '\r':
    case '\n': return {Key::enter};
    case KEY_BACKSPACE:
    case 127:
    case 8: return {Key::backspace};
    case 27: return {Key::escape};
    default: break;
    }
    if (code < 32 || code > 126) return {Key::letter, 0}; // nothing we know: asks for the next
    return {Key::letter, static_cast<char>(code)};
}

} // namespace numadrift::ui
