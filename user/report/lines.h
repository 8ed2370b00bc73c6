// Lines of text for people, broken at 80 columns. All that a report says goes through here, so nothing
// foreign in it reaches a terminal that obeys it.
#pragma once

#include "util/text.h"

#include <fmt/core.h>
#include <string>

namespace numadrift {

class Lines {
public:
    static constexpr std::size_t kWidth = 80;

    template <class... Args> void line(fmt::format_string<Args...> format, Args&&... args) {
        text_ += printable(fmt::format(format, std::forward<Args>(args)...)) + '\n';
    }
    void blank() { text_ += '\n'; }

    // Words broken at 80 columns, further lines indented.
    void wrapped(const std::string& text, std::size_t indent) {
        const std::string words = printable(text);
        std::string line;
        std::size_t at = 0;
        while (at < words.size()) {
            std::size_t end = words.find(' ', at);
            if (end == std::string::npos) end = words.size();
            const auto word = words.substr(at, end - at);
            if (!line.empty() && line.size() + 1 + word.size() > kWidth) {
                text_ += line + '\n';
                line = std::string(indent, ' ') + word;
            } else line += (at == 0 ? "" : " ") + word;
            at = end + 1;
        }
        text_ += line + '\n';
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

} // namespace numadrift
