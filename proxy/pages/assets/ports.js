/* SPDX-License-Identifier: Apache-2.0 */
// The list of ports on the status page: follows what listens over the event stream while the page is
// visible, and lets people copy addresses. Inserts values as text only.
(function () {
	'use strict';
	var section = document.getElementById('ports');
	if (!section) {
		return;
	}
	var list = document.getElementById('ports-list');
	var note = document.getElementById('ports-note');
	var news = document.getElementById('ports-news');
	var menu = document.getElementById('share');
	var stream = null;
	var failures = 0;

	function say(text) {
		news.textContent = text;
	}

	function select(link) {
		var range = document.createRange();
		range.selectNodeContents(link);
		window.getSelection().removeAllRanges();
		window.getSelection().addRange(range);
	}

	function copy(link, button, port) {
		if (!navigator.clipboard) {
			select(link);
			return;
		}
		navigator.clipboard.writeText(link.href).then(function () {
			button.textContent = 'Copied';
			say('Copied the address of port ' + port);
			window.setTimeout(function () {
				button.textContent = 'Copy';
			}, 2000);
		}).catch(function () {
			select(link);
		});
	}

	function buttonFor(text, label) {
		var button = document.createElement('button');
		button.type = 'button';
		button.className = 'quiet';
		button.textContent = text;
		button.setAttribute('aria-label', label);
		return button;
	}

	function addButtons(item) {
		var port = item.dataset.port;
		var tools = document.createElement('div');
		var copying = buttonFor('Copy', 'Copy the address of port ' + port);
		var sharing = buttonFor('Share', 'Share port ' + port);
		tools.className = 'row-tools';
		copying.addEventListener('click', function () {
			copy(item.querySelector('a'), copying, port);
		});
		tools.appendChild(copying);
		if (menu) {
			sharing.dataset.share = port;
			sharing.setAttribute('aria-expanded', 'false');
			tools.appendChild(sharing);
		}
		item.appendChild(tools);
	}

	function itemOf(port) {
		var item = document.createElement('li');
		var link = document.createElement('a');
		item.dataset.port = String(port.number);
		link.href = port.url;
		link.textContent = link.host;
		item.appendChild(link);
		addButtons(item);
		return item;
	}

	function audienceOf(port) {
		var choice = menu && menu.querySelector('input[value="' + port.audience + '"]');
		var names = port.users || port.group || '';
		if (!port.audience || port.audience === 'owner') {
			return section.dataset.audience;
		}
		if (names) {
			names = names.length > 80 ? names.slice(0, 80) + '…' : names;
			return port.group ? 'Members of ' + names : names;
		}
		return choice ? choice.dataset.badge : port.audience;
	}

	function span(className, text) {
		var one = document.createElement('span');
		one.className = className;
		one.textContent = text;
		return one;
	}

	// Replaces what a row says of its port, between the link and the buttons.
	function describe(item, port) {
		var shared = port.audience && port.audience !== 'owner';
		var parts = [span(shared ? 'badge' : 'when', audienceOf(port))];
		parts[0].dataset.is = port.audience;
		if (port.until) {
			parts.push(span('when', 'until ' + port.until.slice(0, 10) + ' ' + port.until.slice(11, 16) + ' UTC'));
		}
		if (port.idle) {
			parts.push(span('when', 'no server'));
		}
		item.dataset.audience = port.audience || 'owner';
		item.dataset.names = port.users || port.group || '';
		item.dataset.idle = port.idle ? '1' : '';
		Array.prototype.slice.call(item.children).forEach(function (child) {
			if (child.tagName === 'SPAN') {
				item.removeChild(child);
			}
		});
		parts.forEach(function (part) {
			item.insertBefore(part, item.querySelector('.row-tools'));
		});
	}

	// Ports that listen, and shared ones, in order; what is shared with whom is with the latter.
	function rowsOf(ports) {
		var rows = (ports.listening || []).slice();
		(ports.shared || []).forEach(function (share) {
			var same = rows.filter(function (row) {
				return row.number === share.number;
			})[0];
			if (same) {
				rows[rows.indexOf(same)] = share;
			} else {
				share.idle = true;
				rows.push(share);
			}
		});
		return rows.sort(function (a, b) {
			return a.number - b.number;
		});
	}

	function items() {
		return Array.prototype.slice.call(list.children);
	}

	// Focus does not get lost with what is removed.
	function remove(item) {
		var hadFocus = item.contains(document.activeElement);
		if (menu && item.contains(menu)) {
			section.appendChild(menu);
		}
		list.removeChild(item);
		if (hadFocus) {
			document.getElementById('ports-title').focus();
		}
	}

	function place(port, after) {
		var next = after ? after.nextSibling : list.firstChild;
		while (next && next.nodeType !== 1) {
			next = next.nextSibling;
		}
		if (next && next.dataset.port === String(port.number)) {
			return next;
		}
		return list.insertBefore(itemOf(port), next);
	}

	function noteOf(ports, count) {
		if (ports.problem) {
			return ports.problem;
		}
		if (ports.more > 0) {
			return 'And ' + ports.more + ' more.';
		}
		return count > 0 ? '' : 'No server is running on a published port.';
	}

	function announce(before, after, problem) {
		if (problem) {
			say(problem);
			return;
		}
		var came = after.filter(function (port) {
			return before.indexOf(port) < 0;
		});
		var went = before.filter(function (port) {
			return after.indexOf(port) < 0;
		});
		var words = [];
		if (came.length > 0) {
			words.push('A server listens on port ' + came.join(', '));
		}
		if (went.length > 0) {
			words.push('No server listens on port ' + went.join(', ') + ' any more');
		}
		if (words.length > 0) {
			say(words.join('. ') + '.');
		}
	}

	function listensIn(rows) {
		return rows.filter(function (row) {
			return !row.idle;
		}).map(function (row) {
			return String(row.number);
		});
	}

	function show(ports) {
		var rows = rowsOf(ports);
		var before = items().filter(function (item) {
			return !item.dataset.idle;
		}).map(function (item) {
			return item.dataset.port;
		});
		var wanted = rows.map(function (row) {
			return String(row.number);
		});
		var last = null;
		items().forEach(function (item) {
			if (wanted.indexOf(item.dataset.port) < 0) {
				remove(item);
			}
		});
		rows.forEach(function (row) {
			last = place(row, last);
			describe(last, row);
		});
		list.hidden = rows.length === 0;
		note.textContent = noteOf(ports, rows.length);
		note.hidden = note.textContent === '';
		announce(before, listensIn(rows), ports.problem);
	}

	function onState(event) {
		var state = null;
		try {
			state = JSON.parse(event.data);
		} catch (error) {
			return;
		}
		failures = 0;
		if (state && state.ports) {
			show(state.ports);
		}
	}

	function close() {
		if (stream) {
			stream.close();
			stream = null;
		}
	}

	function open() {
		if (!window.EventSource || stream) {
			return;
		}
		stream = new window.EventSource(section.dataset.address);
		stream.onmessage = onState;
		stream.onerror = function () {
			failures += 1;
			if (stream && (stream.readyState === 2 || failures > 5)) {
				close();
				note.textContent = 'The list is no longer updated. Reload the page to continue.';
				note.hidden = false;
			}
		};
	}

	// Browsers open few connections to a host: hidden pages leave theirs to others.
	document.addEventListener('visibilitychange', function () {
		if (document.hidden) {
			close();
		} else {
			failures = 0;
			open();
		}
	});

	items().forEach(addButtons);
	if (!document.hidden) {
		open();
	}
})();
