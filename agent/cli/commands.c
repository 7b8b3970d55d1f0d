// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/commands.h"

#include <getopt.h>
#include <string.h>

#include "cli/output.h"

enum option_number {
	OPTION_ADDRESS,
	OPTION_ALL,
	OPTION_CARRIER,
	OPTION_CLUSTER,
	OPTION_ONLY_CLUSTER, // the same word, read as a filter
	OPTION_HIDDEN,
	OPTION_JSON,
	OPTION_TAG,
	OPTION_TIMEOUT,
	OPTIONS,
};

#define HELP_COLUMNS 80
#define HELP_INDENT 8

#define WITH(name) (1U << OPTION_##name)

enum kind {
	KIND_FLAG,   // slot: a bool
	KIND_VALUE,  // slot: a string; the last one counts
	KIND_REPEAT, // appended to tags
};

static const struct option_row {
	const char *name;
	const char *value; // what it is called in help; NULL for a flag
	const char *summary;
	enum kind kind;
	size_t slot;
} options[OPTIONS] = {
	[OPTION_ADDRESS] = {"address", "ADDRESS",
			    "the one address the program listens on, if it is not all", KIND_VALUE,
			    offsetof(struct arguments, address)},
	[OPTION_ALL] = {"all", NULL, "hidden nodes too", KIND_FLAG,
			offsetof(struct arguments, all)},
	[OPTION_CARRIER] = {"carrier", "CARRIER",
			    "inet_tcp (default), inet6_tcp, inet_tls or inet6_tls", KIND_VALUE,
			    offsetof(struct arguments, carrier)},
	[OPTION_CLUSTER] = {"cluster", "CLUSTER", "the cluster it belongs to", KIND_VALUE,
			    offsetof(struct arguments, cluster)},
	[OPTION_ONLY_CLUSTER] = {"cluster", "CLUSTER", "only nodes of this cluster", KIND_VALUE,
				 offsetof(struct arguments, cluster)},
	[OPTION_HIDDEN] = {"hidden", NULL, "a hidden node: shown only with --all", KIND_FLAG,
			   offsetof(struct arguments, hidden)},
	[OPTION_JSON] = {"json", NULL, "one JSON object a line", KIND_FLAG,
			 offsetof(struct arguments, json)},
	[OPTION_TAG] = {"tag", "KEY=VALUE", "say more about the node; may be given again",
			KIND_REPEAT, 0},
	[OPTION_TIMEOUT] = {"timeout", "MS",
			    "wait so long for the network to answer, at most 500 (default)",
			    KIND_VALUE, offsetof(struct arguments, timeout)},
};

static const struct command commands[] = {
	{"list", "", "show the nodes that are known",
	 "One line for each node and address family: those registered on this machine, and those\n"
	 "heard on the network.",
	 WITH(ALL) | WITH(ONLY_CLUSTER) | WITH(JSON), list_run},
	{"watch", "", "show nodes as they come and go, until stopped",
	 "First what is there (up), then a line \"ready\", then every change: up, down, changed.\n"
	 "When the agent goes away: a line \"lost\", and all of it again when it is back.",
	 WITH(ALL) | WITH(ONLY_CLUSTER) | WITH(JSON), watch_run},
	{"lookup", "NODE", "show where a node can be reached",
	 "One line \"ADDRESS PORT FAMILY\" for each address family, as an Erlang node would get "
	 "it.",
	 WITH(JSON) | WITH(TIMEOUT), lookup_run},
	{"names", "[HOST]", "show the nodes of a host as epmd -names does",
	 "Without HOST: all nodes registered on this machine.", WITH(JSON), names_run},
	{"register", "NODE PORT", "register a program that is no Erlang node, until killed",
	 "Prints one line when it is done and keeps the registration for as long as it runs, "
	 "through\n"
	 "restarts of the agent too.",
	 WITH(ADDRESS) | WITH(CARRIER) | WITH(CLUSTER) | WITH(HIDDEN) | WITH(TAG), register_run},
	{"status", "", "show how the agent is doing",
	 "Ends with 1 when the agent is there but cannot use the network.", WITH(JSON), status_run},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *commands_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

// Print a word of a synopsis, on a new line if this one is full.
static void print_word(FILE *out, const char *word, size_t *column)
{
	if (*column + 1 + strlen(word) > HELP_COLUMNS) {
		fprintf(out, "\n%*s", HELP_INDENT - 1, "");
		*column = HELP_INDENT - 1;
	}
	fprintf(out, " %s", word);
	*column += 1 + strlen(word);
}

// " list [--all] [--cluster CLUSTER] [--json]", wrapped; `column` is where it starts.
static void print_synopsis(const struct command *command, FILE *out, size_t column)
{
	print_word(out, command->name, &column);
	if (command->operands[0] != '\0') {
		print_word(out, command->operands, &column);
	}
	for (size_t i = 0; i < OPTIONS; i++) {
		bool has_value = options[i].value != NULL;
		char word[64];

		if ((command->options >> i & 1) != 0) {
			snprintf(word, sizeof(word), "[--%s%s%s]%s", options[i].name,
				 has_value ? " " : "", has_value ? options[i].value : "",
				 options[i].kind == KIND_REPEAT ? "..." : "");
			print_word(out, word, &column);
		}
	}
}

static void print_option(FILE *out, const char *name, const char *value, const char *summary)
{
	char left[40];

	snprintf(left, sizeof(left), "--%s%s%s", name, value != NULL ? " " : "",
		 value != NULL ? value : "");
	fprintf(out, "  %-19s  %s\n", left, summary);
}

void commands_help(const struct command *command, FILE *out)
{
	if (command != NULL) {
		fputs("Usage: epmdns", out);
		print_synopsis(command, out, sizeof("Usage: epmdns") - 1);
		fprintf(out, "\n\n%s\n\nOptions:\n", command->details);
		for (size_t i = 0; i < OPTIONS; i++) {
			if ((command->options >> i & 1) != 0) {
				print_option(out, options[i].name, options[i].value,
					     options[i].summary);
			}
		}
		print_option(out, "help", NULL, "show this");
		return;
	}
	fputs("Usage: epmdns COMMAND [ARGUMENTS]\n\n"
	      "Erlang nodes of this machine and of the local network, from the agent epmdnsd.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++) {
		fputc(' ', out);
		print_synopsis(&commands[i], out, 1);
		fprintf(out, "\n      %s\n", commands[i].summary);
	}
	fputs("  help [COMMAND]\n      show this, or more about a command\n\nOptions:\n", out);
	print_option(out, "help", NULL, "show this");
	print_option(out, "version", NULL, "show the version");
	fputs("\nEnvironment:\n"
	      "  EPMDNS_SOCKET  the agent's socket; else $XDG_RUNTIME_DIR/epmdns/socket and\n"
	      "                 /run/epmdns/socket are tried\n\n"
	      "Ends with 0 done, 1 not found or refused, 2 used wrongly, 3 agent unreachable.\n"
	      "See epmdns(1).\n",
	      out);
}

static enum commands_result wrong(const struct command *command, const char *what, const char *word)
{
	output_complain("%s: %s%s%s; see 'epmdns help %s'", command->name, what,
			*word != '\0' ? " " : "", word, command->name);
	return COMMANDS_E_USAGE;
}

// Distribute what is no option over the operands.
static enum commands_result take_operands(const struct command *command, int n, char **words,
					  struct arguments *args)
{
	const char *name = command->operands;
	size_t taken = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, " ");

		if (taken < (size_t)n) {
			args->operands[taken] = words[taken];
			taken++;
		} else if (*name != '[') {
			char missing[32];

			snprintf(missing, sizeof(missing), "%.*s", (int)len, name);
			return wrong(command, "missing", missing);
		}
		name += len + strspn(name + len, " ");
	}
	if (taken < (size_t)n) {
		return wrong(command, "one word too many:", words[taken]);
	}
	return COMMANDS_RUN;
}

static enum commands_result take_option(const struct command *command, const struct option_row *row,
					const char *value, struct arguments *args)
{
	char *slot = (char *)args + row->slot;

	switch (row->kind) {
	case KIND_FLAG:
		*(bool *)slot = true;
		break;
	case KIND_VALUE:
		*(const char **)(void *)slot = value;
		break;
	case KIND_REPEAT:
		if (args->n_tags == EP_TAGS_MAX) {
			return wrong(command, "too many of --tag; an agent takes 16", "");
		}
		args->tags[args->n_tags++] = value;
		break;
	}
	return COMMANDS_RUN;
}

enum commands_result commands_parse(const struct command *command, int argc, char **argv,
				    struct arguments *args)
{
	enum { FIRST = 256, HELP = FIRST + OPTIONS }; // beyond any character
	struct option longs[OPTIONS + 2] = {0};
	size_t n = 0;
	int found;

	*args = (struct arguments){0};
	for (int i = 0; i < OPTIONS; i++) {
		if ((command->options >> i & 1) != 0) {
			longs[n++] = (struct option){options[i].name,
						     options[i].value != NULL ? required_argument
									      : no_argument,
						     NULL, FIRST + i};
		}
	}
	longs[n] = (struct option){"help", no_argument, NULL, HELP};

	optind = 0; // glibc: start anew
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		enum commands_result result;

		if (found == 'h' || found == HELP) {
			return COMMANDS_HELP;
		}
		if (found == ':') {
			return wrong(command, "a value is missing after", argv[optind - 1]);
		}
		if (found == '?') {
			char letter[] = {'-', (char)optopt, '\0'};
			bool is_letter = optopt > 0 && optopt < FIRST;

			return wrong(command, "wrong option",
				     is_letter ? letter : argv[optind - 1]);
		}
		result = take_option(command, &options[found - FIRST], optarg, args);
		if (result != COMMANDS_RUN) {
			return result;
		}
	}
	return take_operands(command, argc - optind, argv + optind, args);
}

static int unknown_command(const char *name)
{
	output_complain("there is no command '%s'; see 'epmdns help'", name);
	return EXIT_USAGE;
}

// help, or help COMMAND.
static int help(int argc, char **argv)
{
	const char *name = argc > 1 && strcmp(argv[1], "help") != 0 ? argv[1] : NULL;
	const struct command *command = name != NULL ? commands_find(name) : NULL;

	if (argc > 2) {
		output_complain("help: one word too many: '%s'; see 'epmdns help'", argv[2]);
		return EXIT_USAGE;
	}
	if (name != NULL && command == NULL) {
		return unknown_command(name);
	}
	commands_help(command, stdout);
	return EXIT_DONE;
}

int commands_main(int argc, char **argv)
{
	const struct command *command;
	struct arguments args;

	if (argc < 2) {
		commands_help(NULL, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0) {
		return help(argc - 1, argv + 1);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("epmdns " EPMDNS_VERSION);
		return EXIT_DONE;
	}
	command = commands_find(argv[1]);
	if (command == NULL) {
		return unknown_command(argv[1]);
	}
	switch (commands_parse(command, argc - 1, argv + 1, &args)) {
	case COMMANDS_RUN:
		return command->run(&args);
	case COMMANDS_HELP:
		commands_help(command, stdout);
		return EXIT_DONE;
	case COMMANDS_E_USAGE:
		break;
	}
	return EXIT_USAGE;
}
