/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints help, version and generated documentation to standard output. Each returns an exit code.
 */
#ifndef PROXY_COMMAND_HELP_H
#define PROXY_COMMAND_HELP_H

int help_print(void);
int help_print_version(void);

/* argv[1] names the document: "configuration" or "metrics". */
int help_print_docs(int argc, char **argv);

#endif
