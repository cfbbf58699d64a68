"""Runs Debian's Jupyter protocol test-suite (python3-jupyter-kernel-test) against the installed kernel."""

import unittest

import jupyter_kernel_test


class TilewrightKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "tilewright"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('to stderr')"
    completion_samples = [
        {"text": "Math.sq", "matches": {"sqrt"}},
        {"text": "'abc'.toUpperC", "matches": {"toUpperCase"}},
        {"text": "clearOut", "matches": {"clearOutput"}},
    ]
    complete_code_samples = ["1", "const a = 1;", "function f(x: number) {\n  return x;\n}", "await f()", ""]
    incomplete_code_samples = ["function f() {", "foo(1,", "const t = `abc", "/* comment", "const x =", "if (true)"]
    invalid_code_samples = ["const 1 = 2", "foo )", "let let = }"]
    code_page_something = "Math.max?"
    code_generate_error = "throw new Error('wanted')"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "'a' + 'b'", "result": "'ab'"},
        {"code": "null", "result": "null"},
    ]
    code_display_data = [
        {"code": "display(html`<b>x</b>`)", "mime": "text/html"},
        {"code": "display(svg`<svg/>`)", "mime": "image/svg+xml"},
        {"code": "display({ a: 1 })", "mime": "text/plain"},
    ]
    code_history_pattern = "6 ?*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Math.max"
    code_clear_output = "clearOutput()"


if __name__ == "__main__":
    unittest.main(verbosity=2)
