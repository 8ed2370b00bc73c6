#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/core.h>

namespace numadrift::cli {

Option& Option::required() {
    option_->required();
    return *this;
}

Option& Option::shows_default() {
    option_->capture_default_str();
    return *this;
}

Option& Option::takes_lists() {
    option_->delimiter(',');
    return *this;
}

Option& Option::takes_one() {
    option_->take_all()->expected(1);
    return *this;
}

Option& Option::may_repeat() {
    option_->trigger_on_parse();
    return *this;
}

Option& Option::is_positive() {
    option_->check(CLI::PositiveNumber);
    return *this;
}

Option& Option::is_within(int least, int most) {
    option_->check(CLI::Range(least, most));
    return *this;
}

Option& Option::is_within(double least, double most) {
    option_->check(CLI::Range(least, most));
    return *this;
}

Option& Option::is_one_of(std::initializer_list<const char*> words) {
    option_->check(CLI::IsMember(std::vector<std::string>(words.begin(), words.end())));
    return *this;
}

Option& Option::is_one_of(std::initializer_list<int> numbers) {
    option_->check(CLI::IsMember(std::vector<int>(numbers)));
    return *this;
}

Option& Option::is_called(const std::string& value) {
    option_->option_text(value);
    return *this;
}

Verb::Verb(CLI::App& app, const std::string& name, const std::string& about, const std::string& footer)
    : verb_(app.add_subcommand(name, about)) {
    verb_->footer(footer);
}

#define ND_OPTION(Type)                                                                                      \
    Option Verb::option(const std::string& names, Type& target, const std::string& help) {                   \
        return Option(*verb_->add_option(names, target, help));                                              \
    }
ND_OPTION(std::string)
ND_OPTION(std::vector<std::string>)
ND_OPTION(std::vector<std::uint32_t>)
ND_OPTION(int)
ND_OPTION(std::uint32_t)
ND_OPTION(std::int64_t)
ND_OPTION(std::uint64_t)
ND_OPTION(double)
ND_OPTION(std::optional<int>)
ND_OPTION(std::optional<std::uint32_t>)
#undef ND_OPTION

Option Verb::number(const std::string& names, const std::function<void(double)>& take,
                    const std::string& help) {
    return Option(*verb_->add_option_function<double>(names, take, help));
}

Option Verb::text(const std::string& names, const std::function<Status(const std::string&)>& take,
                  const std::string& help) {
    const auto take_or_throw = [take](const std::string& text) {
        if (const auto status = take(text); !status)
            throw CLI::ValidationError(status.error().what + "; " + status.error().hint);
    };
    return Option(*verb_->add_option_function<std::string>(names, take_or_throw, help));
}

Option Verb::flag(const std::string& names, bool& target, const std::string& help) {
    return Option(*verb_->add_flag(names, target, help));
}

Option Verb::choice_of(const std::string& names, const std::map<std::string, int>& words,
                       const std::function<void(int)>& take, const std::string& help) {
    std::string all;
    for (const auto& [word, number] : words) all += (all.empty() ? "" : ",") + word;
    const auto take_word = [names, words, take, all](const std::string& word) {
        const auto found = words.find(word);
        if (found == words.end())
            throw CLI::ValidationError(names, fmt::format("{} is none of {}", word, all));
        take(found->second);
    };
    auto* option = verb_->add_option_function<std::string>(names, take_word, help);
    return Option(*option->type_name("WORD:{" + all + "}"));
}

bool Verb::was_given(const std::string& name) const {
    return verb_->count(name) > 0;
}

std::optional<std::uint64_t> parse_size(const std::string& text) {
    static const CLI::AsSizeValue kSize(false);
    std::string size = text;
    if (!kSize(size).empty()) return std::nullopt;
    return std::strtoull(size.c_str(), nullptr, 10);
}

} // namespace numadrift::cli
