"""Completion scripts for shells, made of the table of commands and the options of each."""

from __future__ import annotations

from importlib import import_module

from envctl.cli.options import Parser, add_global_options
from envctl.cli.table import COMMANDS

#: Commands that take generations, and what lists those there are.
_GENERATIONS = ("rollback", "diff")
_LIST = "envctl history --numbers 2>/dev/null"


def completion_script(shell: str) -> str:
    """Write the script for ``bash``, ``zsh`` or ``fish``."""
    options = {command.name: _options(command.name, command.module) for command in COMMANDS}
    match shell:
        case "bash":
            return _bash(options)
        case "zsh":
            return _zsh(options)
        case _:
            return _fish(options)


def _options(name: str, module: str) -> dict[str, str]:
    """Give all words that may follow a command, each with what it means."""
    parser = Parser(f"envctl {name}")
    add_global_options(parser)
    import_module(module).configure(parser)
    words = {
        text: action.help or ""
        for action in parser.options
        for text in action.option_strings
        if text.startswith("--") and action.dest not in parser.refused
    }
    choices = {str(choice): "" for action in parser.positionals for choice in action.choices or ()}
    return {**choices, **words}


_BASH = """\
# Completion of envctl for bash; made by `envctl completion bash`.
_envctl() {
    local current="${COMP_WORDS[COMP_CWORD]}" word name="" words=""
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$word" in
            @NAMES@) name="$word"; break ;;
        esac
    done
    case "$name" in
@CASES@
        *) words="@COMMANDS@" ;;
    esac
    if [[ " @GENERATIONS@ " == *" $name "* ]]; then
        words="$words $(@LIST@)"
    fi
    if [[ "${COMP_WORDS[COMP_CWORD-1]}" == --generation ]]; then
        COMPREPLY=($(compgen -W "$(@LIST@)" -- "$current"))
    elif [[ "$name" == run && "$current" != -* ]]; then
        COMPREPLY=($(compgen -c -- "$current"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    fi
}
complete -o bashdefault -o default -F _envctl envctl
"""


def _bash(options: dict[str, dict[str, str]]) -> str:
    cases = "\n".join(f'        {name}) words="{" ".join(words)}" ;;' for name, words in options.items())
    return (
        _BASH.replace("@NAMES@", "|".join(options))
        .replace("@CASES@", cases)
        .replace("@COMMANDS@", " ".join(options))
        .replace("@GENERATIONS@", " ".join(_GENERATIONS))
        .replace("@LIST@", _LIST)
    )


def _zsh(options: dict[str, dict[str, str]]) -> str:
    lines = [
        "#compdef envctl",
        "# Completion of envctl for zsh; made by `envctl completion zsh`.",
        "_envctl() {",
        "    local -a commands choices",
        '    local name="" index',
        "    commands=(",
        *(f"        {_quote_zsh(command.name, command.summary)}" for command in COMMANDS),
        "    )",
        "    for (( index = 2; index < CURRENT; index++ )); do",
        '        case "$words[index]" in',
        f'            {"|".join(options)}) name="$words[index]"; break ;;',
        "        esac",
        "    done",
        '    case "$name" in',
    ]
    for name, words in options.items():
        quoted = " ".join(_quote_zsh(word, meaning) for word, meaning in words.items())
        lines.append(f"        {name}) choices=({quoted}) ;;")
    lines += [
        "        *) _describe -t commands command commands; return ;;",
        "    esac",
        f'    [[ " {" ".join(_GENERATIONS)} " == *" $name "* ]] && choices+=(${{(f)"$({_LIST})"}})',
        '    [[ "$words[CURRENT-1]" == --generation ]] && choices=(${(f)"$(' + _LIST + ')"})',
        "    _describe -t options option choices",
        "    _files",
        "}",
        "compdef _envctl envctl",
    ]
    return "\n".join(lines) + "\n"


def _quote_zsh(word: str, meaning: str) -> str:
    text = word.replace(":", "\\:") + (f":{meaning}" if meaning else "")
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(options: dict[str, dict[str, str]]) -> str:
    names = " ".join(options)
    lines = ["# Completion of envctl for fish; made by `envctl completion fish`."]
    for command in COMMANDS:
        condition = f'"not __fish_seen_subcommand_from {names}"'
        lines.append(
            f"complete -c envctl -f -n {condition} -a {command.name} -d {_quote_fish(command.summary)}"
        )
    for name, words in options.items():
        condition = f'"__fish_seen_subcommand_from {name}"'
        for word, meaning in words.items():
            what = f"-l {word[2:]}" if word.startswith("--") else f"-f -a {word}"
            described = f" -d {_quote_fish(meaning)}" if meaning else ""
            if word == "--generation":
                what += f" -x -a '({_LIST})'"
            lines.append(f"complete -c envctl -n {condition} {what}{described}")
        if name in _GENERATIONS:
            lines.append(f"complete -c envctl -f -n {condition} -a '({_LIST})'")
    return "\n".join(lines) + "\n"


def _quote_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
