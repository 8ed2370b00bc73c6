// The live screen as lines of styled text, for any size: no terminal here, so that it can be tested and
// printed.
#pragma once

#include "ui/top_model.h"

#include <string>
#include <vector>

namespace numadrift::ui {

enum class Style { plain, bold, dim, heading, chosen, home, away, spread, unknown, alarm };

struct Run {
    std::string text;
    Style style = Style::plain;
};
using Line = std::vector<Run>;

enum class Pane { list, detail, help };

// What a person did to the screen.
struct View {
    std::size_t width = 80;
    std::size_t height = 24; // 0: as many lines as there are, for paper
    Pane pane = Pane::list;
    std::size_t first = 0; // row that is on top
    std::optional<std::pair<Pid, Tid>> chosen;
    bool paused = false;
    bool is_typing = false; // of the filter
    std::string clock;      // "12:03:14"
    std::string how;        // "-p 4711"
    std::string message;    // what became of a key, or of the recording
};

// Keeps the chosen row in sight; the first ones, if none is. Call it before draw, with the rows of draw.
void scroll(View& view, const TopModel& model, const std::vector<TopRow>& rows);

// At most height lines, none wider than width.
std::vector<Line> draw(const TopModel& model, const View& view, const std::vector<TopRow>& rows);

// Without styles, no blanks at the end.
std::string plain(const Line& line);

} // namespace numadrift::ui
