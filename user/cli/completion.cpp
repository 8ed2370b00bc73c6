// Completions and the options of the manual, from the one list there is of verbs and options: the parser's.
#include "cli/cli.h"
#include "util/file.h"
#include "util/text.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <fmt/ranges.h>

namespace numadrift::cli {
namespace {

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

std::vector<const CLI::Option*> options_of(const CLI::App& verb) {
    return verb.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}

bool takes_value(const CLI::Option& option) {
    return option.get_items_expected_max() > 0;
}

// "-o", "--output".
std::vector<std::string> flags_of(const CLI::Option& option) {
    std::vector<std::string> flags;
    for (const auto& name : option.get_snames()) flags.push_back("-" + name);
    for (const auto& name : option.get_lnames()) flags.push_back("--" + name);
    return flags;
}

std::string replaced(std::string text, char what, std::string_view by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
        text.replace(at, 1, by);
    return text;
}

// What may stand after an option.
enum class Values { words, processes, names, files, others };

// The words there are to choose from, as the help tells them: "TEXT:{auto,tracepoint}".
std::string words_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const std::size_t begin = type.find(":{");
    const std::size_t end = type.find('}', begin);
    if (begin == std::string::npos || end == std::string::npos) return {};
    return replaced(type.substr(begin + 2, end - begin - 2), ',', " ");
}

Values values_of(const CLI::Option& option) {
    if (!words_of(option).empty()) return Values::words;
    const std::string& name = option.get_single_name();
    if (name == "pid") return Values::processes;
    if (name == "comm") return Values::names;
    return option.get_type_name().starts_with("TEXT") ? Values::files : Values::others;
}

std::string bash_words(const CLI::Option& option) {
    switch (values_of(option)) {
    case Values::words: return fmt::format("'{}'", words_of(option));
    case Values::processes: return "$(cd /proc && echo [0-9]*)";
    // compgen expands its words, and a process may be called "$(reboot)".
    case Values::names: return "$(cat /proc/[0-9]*/comm 2>/dev/null | grep -xE '[A-Za-z0-9_.:/+-]+')";
    case Values::files:
    case Values::others: break;
    }
    return {};
}

std::string bash(const CLI::App& app) {
    std::string verbs;
    std::string cases;
    for (const CLI::App* verb : verbs_of(app)) {
        verbs += verb->get_name() + " ";
        std::string flags;
        std::string values;
        for (const CLI::Option* option : options_of(*verb)) {
            const auto names = flags_of(*option);
            for (const auto& flag : names) flags += flag + " ";
            const std::string words = takes_value(*option) ? bash_words(*option) : "";
            if (words.empty()) continue;
            const std::string pattern = names.empty() ? "*" : fmt::format("{}", fmt::join(names, "|"));
            values += fmt::format(" {}) words={} ;;", pattern, words);
        }
        cases += fmt::format("    {}) flags='{}'\n", verb->get_name(), flags);
        if (!values.empty()) cases += fmt::format("        case $before in{} esac\n", values);
        cases += "        ;;\n";
    }
    return fmt::format(
        "# bash completion of numadrift\n"
        "_numadrift() {{\n"
        "    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}\n"
        "    local flags= words=\n"
        "    [ \"$word\" = = ] && word= # --hooks=\n"
        "    [ \"$before\" = = ] && before=${{COMP_WORDS[COMP_CWORD - 2]}}\n"
        "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
        "        COMPREPLY=($(compgen -W '{}--help --version' -- \"$word\"))\n"
        "        return\n"
        "    fi\n"
        "    case ${{COMP_WORDS[1]}} in\n{}    esac\n"
        "    case $word in\n"
        "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n"
        "    *)  if [ -n \"$words\" ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
        "        else COMPREPLY=($(compgen -f -- \"$word\")); fi ;;\n"
        "    esac\n"
        "}}\n"
        "complete -o filenames -F _numadrift numadrift\n",
        verbs, cases);
}

std::string zsh_values(const CLI::Option& option) {
    switch (values_of(option)) {
    case Values::words: return fmt::format(":word:({})", words_of(option));
    case Values::processes: return ":process:_pids";
    case Values::names: return ":name:_process_names";
    case Values::files: return ":file:_files";
    case Values::others: break;
    }
    return ":value: ";
}

std::string zsh(const CLI::App& app) {
    const auto about = [](const std::string& text) { // of a specification of _arguments
        return shell_quoted(replaced(replaced(replaced(text, '[', "("), ']', ")"), ':', "\\:"));
    };
    std::string verbs;
    std::string cases;
    for (const CLI::App* verb : verbs_of(app)) {
        verbs += fmt::format("        '{}:{}'\n", verb->get_name(), about(verb->get_description()));
        std::string specifications;
        for (const CLI::Option* option : options_of(*verb))
            for (const auto& flag : flags_of(*option))
                specifications +=
                    fmt::format(" \\\n            '{}[{}]{}'", flag, about(option->get_description()),
                                takes_value(*option) ? zsh_values(*option) : "");
        cases += fmt::format("    {})\n        _arguments{} \\\n            '*:file:_files' ;;\n",
                             verb->get_name(), specifications);
    }
    return fmt::format("#compdef numadrift\n"
                       "_numadrift() {{\n"
                       "    local -a verbs=(\n{}    )\n"
                       "    if (( CURRENT == 2 )); then\n"
                       "        _describe verb verbs\n"
                       "        return\n"
                       "    fi\n"
                       "    shift words; (( CURRENT-- ))\n"
                       "    case $words[1] in\n{}    esac\n"
                       "}}\n"
                       "_numadrift \"$@\"\n",
                       verbs, cases);
}

std::string fish_values(const CLI::Option& option) {
    switch (values_of(option)) {
    case Values::words: return fmt::format(" -x -a '{}'", words_of(option));
    case Values::processes: return " -x -a '(__fish_complete_pids)'";
    case Values::names: return " -x -a '(__fish_complete_proc)'";
    case Values::files: return " -r -F";
    case Values::others: break;
    }
    return " -x";
}

std::string fish(const CLI::App& app) {
    std::string lines = "# fish completion of numadrift\n";
    for (const CLI::App* verb : verbs_of(app)) {
        lines += fmt::format("complete -c numadrift -n __fish_use_subcommand -f -a {} -d '{}'\n",
                             verb->get_name(), replaced(verb->get_description(), '\'', "\\'"));
        for (const CLI::Option* option : options_of(*verb)) {
            std::string flags;
            for (const auto& name : option->get_snames()) flags += " -s " + name;
            for (const auto& name : option->get_lnames()) flags += " -l " + name;
            if (flags.empty()) continue; // a word, not a flag
            lines += fmt::format("complete -c numadrift -n '__fish_seen_subcommand_from {}'{}{} -d '{}'\n",
                                 verb->get_name(), flags, takes_value(*option) ? fish_values(*option) : "",
                                 replaced(option->get_description(), '\'', "\\'"));
        }
    }
    return lines;
}

// Lines of a manual: a hyphen is one to type, a dot at the begin of a line no request.
std::string roff(const std::string& text) {
    std::string escaped = replaced(replaced(text, '\\', "\\e"), '-', "\\-");
    if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped = "\\&" + escaped;
    return escaped;
}

std::string manual(const CLI::App& app) {
    std::string page;
    for (const CLI::App* verb : verbs_of(app)) {
        page += fmt::format(".SS numadrift {}\n{}.\n", roff(verb->get_name()), roff(verb->get_description()));
        for (const CLI::Option* option : options_of(*verb)) {
            std::string flags;
            for (const auto& flag : flags_of(*option)) flags += (flags.empty() ? "" : ", ") + flag;
            if (flags.empty()) flags = option->get_name(true);
            page += fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", roff(flags),
                                takes_value(*option) && option->nonpositional() ? " \\fIvalue\\fR" : "",
                                roff(option->get_description()));
        }
        if (verb->get_footer().empty()) continue;
        std::string footer = replaced(roff(verb->get_footer()), '\n', "\n\\&");
        page += fmt::format(".PP\n.nf\n\\&{}\n.fi\n", footer);
    }
    return page;
}

} // namespace

Run add_completion(CLI::App& app) {
    Verb verb(app, "completion", "Print the completions for a shell: bash, zsh or fish",
              "Examples:\n"
              "  source <(numadrift completion bash)\n"
              "  numadrift completion fish > ~/.config/fish/completions/numadrift.fish");
    auto shell = std::make_shared<std::string>();
    verb.option("SHELL", *shell, "bash, zsh or fish; man: the options of the manual")
        .required()
        .is_one_of({"bash", "zsh", "fish", "man"});
    return [shell, &app]() -> Result<int> {
        const std::string text = *shell == "bash"   ? bash(app)
                                 : *shell == "zsh"  ? zsh(app)
                                 : *shell == "fish" ? fish(app)
                                                    : manual(app);
        if (auto status = print_out(text); !status) return status.error();
        return 0;
    };
}

} // namespace numadrift::cli
