//! The page of `gen_html_doc_for_commands`.

use kernel::commands::{Command, Version};

use super::markdown::Examples;
use super::{Listed, command_line, explained};
use crate::ctl::typed;

/// Writes the page; every text of the table is escaped.
pub(crate) fn page(commands: &[Listed], examples: Examples) -> String {
    let mut page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Commands</title></head>\n<body>\n<h1>Commands</h1>\n".to_owned();
    for Listed { command, module } in commands {
        page.push_str(&format!("<h2 id=\"{0}\">{0}</h2>\n", escaped(command.name)));
        page.push_str(&format!("<p>{}.</p>\n", escaped(command.about)));
        for paragraph in command.detail.split("\n\n").filter(|text| !text.is_empty()) {
            page.push_str(&format!("<p>{}</p>\n", escaped(paragraph)));
        }
        let needs = module.map(|module| format!("; needs {module}")).unwrap_or_default();
        let tags = command.tags.join(", ");
        page.push_str(&format!("<p>Tags: {}</p>\n", escaped(&format!("{tags}{needs}"))));
        command.versions.iter().for_each(|one| version(&mut page, command, one, examples));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn version(page: &mut String, command: &Command, version: &Version, examples: Examples) {
    if command.versions.len() > 1 {
        page.push_str(&format!("<h3>From API version {} on</h3>\n", version.since));
    }
    page.push_str("<dl>\n");
    for field in version.args {
        let (name, about) = (escaped(&typed(field)), escaped(&explained(field)));
        page.push_str(&format!("<dt><code>{name}</code></dt><dd>{about}</dd>\n"));
    }
    let result = escaped(&typed(&version.result));
    page.push_str(&format!("<dt>result</dt><dd><code>{result}</code></dd>\n</dl>\n"));
    if let Some(line) = command_line(command, version) {
        let prints = escaped(version.example.prints);
        page.push_str(&format!("<pre>$ {}\n{prints}</pre>\n", escaped(&line)));
        if examples == Examples::Json {
            let body = escaped(&super::markdown::json(version));
            page.push_str(&format!("<pre>{body}</pre>\n"));
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
