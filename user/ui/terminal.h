// The terminal, by ncurses: what there is of size, colour and keys. Owns the screen while it lives, and
// leaves it as it was.
#pragma once

#include "ui/screen.h"
#include "util/result.h"

#include <memory>

namespace numadrift::ui {

enum class Key { none, up, down, page_up, page_down, home, end, enter, escape, backspace, resize, letter };

struct Pressed {
    Key key = Key::none;
    char letter = 0;
};

class Terminal {
public:
    // Error: no terminal, or one of a type that cannot place text.
    static Result<std::unique_ptr<Terminal>> open();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();

    std::size_t width() const;
    std::size_t height() const;
    void show(const std::vector<Line>& lines) const;

    // Of keys pressed meanwhile, the next; none: no more.
    Pressed next_key();

private:
    explicit Terminal(void* screen) : screen_(screen) {}

    void* screen_; // SCREEN of ncurses, whose header is macros all over
};

} // namespace numadrift::ui
