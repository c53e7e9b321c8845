/* SPDX-License-Identifier: MIT
 *
 * URLs that mean instances of script classes: "lua:MODULE", and the schemes of the scripts under backends/.
 */
#ifndef HF_LUA_SCRIPT_URL_H
#define HF_LUA_SCRIPT_URL_H

/* Makes these URLs known, unless they are: they are once the library is loaded.  The module calls it all the same:
 * linked from an archive, a program has no file that nothing asks for. */
void hfL_urls_open(void);

#endif
