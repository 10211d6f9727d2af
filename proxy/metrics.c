/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See metrics.h.
 */
#include "proxy/metrics.h"

static const char intro[] =
	"# Metrics\n"
	"\n"
	"What `/metrics` on the admin listener says, in Prometheus' text format. Generated from "
	"the "
	"tables\n"
	"in the code by `make docs`; don't edit. Labels have the values named here and no others; "
	"none of\n"
	"them holds a user's name, a path or anything else from a request.\n";

void
proxy_metrics_write(struct proxy *p, struct buf *out)
{
	metrics_process_write(&p->process, out);
}

void
proxy_metrics_print_markdown(FILE *out)
{
	(void)fputs(intro, out);
	metrics_print_markdown(&metrics_process_table, out);
}
