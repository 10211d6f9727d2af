/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual pages, in the macros of man(7).
 */
#ifndef PROXY_COMMAND_MAN_PAGE_H
#define PROXY_COMMAND_MAN_PAGE_H

#include <stdio.h>

/* workspace-proxy(1): the commands. */
void man_page_print_commands(FILE *out);

/* workspace-proxy(5): the settings. */
void man_page_print_settings(FILE *out);

#endif
