//! `#[derive(Trace)]` and `#[derive(Acyclic)]` of `librcgc-gc`: see there.
//!
//! For a struct that has no `Drop`, `Trace` describes each field by its own type's hidden items: what is declared, what is
//! walked, what is dropped. For one with a `Drop` nothing is declared, because its `drop` sees the fields: it is walked and
//! dropped as a whole. So is an enum, unless a `#[repr(u8)]` and the like fixes its layout.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{
    parse_macro_input, parse_quote, Data, DeriveInput, Error, Fields, GenericArgument, Ident, PathArguments,
    Type,
};

/// Where a field is, and what is to be done with it.
struct Part {
    /// How the field is called in the struct: a name, or a number.
    member: syn::Member,
    /// What reports show.
    name: String,
    ty: Type,
    skip: bool,
    /// Its type leads to the struct's own again, not by way of a `Gc`: its constants cannot be asked for.
    recursive: bool,
}

impl Part {
    fn holds(&self) -> Tokens {
        let ty = &self.ty;
        match (self.skip, self.recursive) {
            (true, _) => quote!(false),
            (_, true) => quote!(true),
            _ => quote!((!<::rcgc_gc::derived::Ask<#ty>>::IS_ACYCLIC && <#ty as ::rcgc_gc::Trace>::HOLDS)),
        }
    }

    /// A constant of its type, or `otherwise`, where that cannot be asked.
    fn constant(&self, name: &str, otherwise: Tokens) -> Tokens {
        let (ty, name) = (&self.ty, format_ident!("{name}"));
        match self.skip || self.recursive {
            true => otherwise,
            false => quote!(<#ty as ::rcgc_gc::Trace>::#name),
        }
    }

    fn walks(&self) -> Tokens {
        let holds = self.holds();
        let walks = self.constant("WALKS_REST", if self.skip { quote!(false) } else { quote!(true) });
        quote!((#holds && #walks))
    }

    fn drops(&self) -> Tokens {
        let ty = &self.ty;
        self.constant("DROPS_REST", quote!(::core::mem::needs_drop::<#ty>()))
    }

    /// Whether anything of it may be declared.
    fn is_declarable(&self) -> bool {
        !self.skip && !self.recursive
    }
}

fn parts(fields: &Fields, own: &Ident) -> syn::Result<Vec<Part>> {
    fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let (mut skip, mut recursive) = (false, leads_to(&field.ty, own));
            for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("trace")) {
                attribute.parse_nested_meta(|meta| {
                    if meta.path.is_ident("skip") {
                        skip = true;
                    } else if meta.path.is_ident("recursive") {
                        recursive = true;
                    } else {
                        return Err(meta.error("expected `skip` or `recursive`"));
                    }
                    Ok(())
                })?;
            }
            let member = match &field.ident {
                Some(ident) => syn::Member::Named(ident.clone()),
                None => syn::Member::Unnamed(index.into()),
            };
            let name = match &field.ident {
                Some(ident) => ident.to_string().trim_start_matches("r#").to_string(),
                None => index.to_string(),
            };
            Ok(Part { member, name, ty: field.ty.clone(), skip, recursive })
        })
        .collect()
}

/// Whether a type names the struct itself other than behind a pointer of this crate.
fn leads_to(ty: &Type, own: &Ident) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.iter().any(|segment| {
            if segment.ident == *own || segment.ident == "Self" {
                return true;
            }
            if ["Gc", "Weak", "WeakMap"].iter().any(|pointer| segment.ident == pointer) {
                return false;
            }
            match &segment.arguments {
                PathArguments::AngleBracketed(arguments) => {
                    arguments.args.iter().any(|argument| match argument {
                        GenericArgument::Type(ty) => leads_to(ty, own),
                        _ => false,
                    })
                }
                _ => false,
            }
        }),
        Type::Array(array) => leads_to(&array.elem, own),
        Type::Slice(slice) => leads_to(&slice.elem, own),
        Type::Paren(paren) => leads_to(&paren.elem, own),
        Type::Group(group) => leads_to(&group.elem, own),
        Type::Tuple(tuple) => tuple.elems.iter().any(|ty| leads_to(ty, own)),
        _ => false,
    }
}

/// The type of the tag that an attribute fixes, if nothing else does.
fn tag_of(input: &DeriveInput) -> syn::Result<Option<Ident>> {
    let mut tag = None;
    let mut other = false;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        let words = attribute.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)?;
        for word in words {
            match word.path().get_ident() {
                Some(name)
                    if ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"]
                        .iter()
                        .any(|one| name == one) =>
                {
                    tag = Some(name.clone());
                }
                _ => other = true,
            }
        }
    }
    Ok(tag.filter(|_| !other))
}

struct Body {
    holds: Tokens,
    walks: Tokens,
    drops: Tokens,
    declare: Tokens,
    trace: Tokens,
    trace_rest: Tokens,
    drop_rest: Tokens,
    asserts: Tokens,
}

fn any(items: impl Iterator<Item = Tokens>) -> Tokens {
    quote!(false #(|| #items)*)
}

fn name_of(part: &Part) -> syn::LitCStr {
    let text = std::ffi::CString::new(part.name.as_str()).unwrap_or_default();
    syn::LitCStr::new(&text, proc_macro2::Span::call_site())
}

fn asserts<'a>(parts: impl Iterator<Item = &'a Part>) -> Tokens {
    let skipped = parts.filter(|part| part.skip).map(|part| {
        let ty = &part.ty;
        quote!(::rcgc_gc::derived::assert_acyclic::<#ty>();)
    });
    quote!(#(#skipped)*)
}

fn of_struct(parts: &[Part]) -> Body {
    let whole = quote!(<::rcgc_gc::derived::Ask<Self>>::DROPS);
    let declare = parts.iter().filter(|part| part.is_declarable()).map(|part| {
        let (ty, member, name) = (&part.ty, &part.member, &part.name);
        quote!(fields.member::<#ty>(#name, at + ::core::mem::offset_of!(Self, #member));)
    });
    let each = |method: &str| {
        let method = format_ident!("{method}");
        let calls = parts.iter().filter(|part| !part.skip).map(|part| {
            let (ty, member, name) = (&part.ty, &part.member, name_of(part));
            let (holds, method) = match (method == "trace_rest", part.recursive) {
                (true, false) => (part.walks(), method.clone()),
                _ => (part.holds(), format_ident!("trace")),
            };
            quote!(if const { #holds } { tracer.name(#name); <#ty as ::rcgc_gc::Trace>::#method(&self.#member, tracer); })
        });
        quote!(#(#calls)*)
    };
    // The last is declared first: they run in the order of the fields.
    let drop_rest = parts.iter().rev().map(|part| {
        let (ty, member) = (&part.ty, &part.member);
        match part.is_declarable() {
            true => quote!(if <#ty as ::rcgc_gc::Trace>::DROPS_REST {
                <#ty as ::rcgc_gc::Trace>::drop_rest(&raw mut (*this).#member);
            }),
            false => quote!(::core::ptr::drop_in_place(&raw mut (*this).#member);),
        }
    });
    let (holds, walks) = (any(parts.iter().map(Part::holds)), any(parts.iter().map(Part::walks)));
    let drops = any(parts.iter().map(Part::drops));
    let (trace, trace_rest) = (each("trace"), each("trace_rest"));
    Body {
        holds,
        walks: quote!(if #whole { Self::HOLDS } else { #walks }),
        drops: quote!(#whole || #drops),
        declare: quote!(if !#whole { #(#declare)* }),
        trace,
        trace_rest: quote!(if #whole { return self.trace(tracer); } #trace_rest),
        // A panic of one field's `Drop` must not keep the others from being dropped.
        drop_rest: quote! {
            if #whole {
                return ::core::ptr::drop_in_place(this);
            }
            #(let _next = ::rcgc_gc::derived::Last(move || unsafe { #drop_rest });)*
        },
        asserts: asserts(parts.iter()),
    }
}

fn of_enum(input: &DeriveInput, data: &syn::DataEnum) -> syn::Result<Body> {
    let tag = tag_of(input)?.filter(|_| input.generics.params.is_empty());
    let mut all = Vec::new();
    let (mut trace, mut trace_rest, mut drop_rest, mut declare) = (vec![], vec![], vec![], vec![]);
    let mut number: Tokens = quote!(0);
    for variant in &data.variants {
        let parts = parts(&variant.fields, &input.ident)?;
        let ident = &variant.ident;
        if let Some((_, value)) = &variant.discriminant {
            number = quote!((#value));
        }
        let names: Vec<Ident> = (0..parts.len()).map(|index| format_ident!("part_{index}")).collect();
        let members: Vec<_> = parts.iter().map(|part| &part.member).collect();
        let pattern = quote!(Self::#ident { #(#members: #names),* });
        let arm = |rest: bool| {
            let calls = parts.iter().zip(&names).filter(|(part, _)| !part.skip).map(|(part, name)| {
                let (ty, holds, shown) = (&part.ty, part.holds(), name_of(part));
                let pointer = match rest && part.is_declarable() {
                    true => quote!(<#ty as ::rcgc_gc::Trace>::IS_POINTER),
                    false => quote!(false),
                };
                quote!(if const { #holds && !#pointer } {
                    tracer.name(#shown);
                    <#ty as ::rcgc_gc::Trace>::trace(#name, tracer);
                })
            });
            quote!(#pattern => { #(#calls)* })
        };
        trace.push(arm(false));
        trace_rest.push(arm(true));
        let drops = parts.iter().zip(&names).rev().map(|(part, name)| {
            let ty = &part.ty;
            let pointer = match part.is_declarable() {
                true => quote!(<#ty as ::rcgc_gc::Trace>::IS_POINTER),
                false => quote!(false),
            };
            quote!(if !#pointer { ::core::ptr::drop_in_place(#name); })
        });
        drop_rest.push(
            quote!(#pattern => { #(let _next = ::rcgc_gc::derived::Last(move || unsafe { #drops });)* }),
        );
        if let Some(tag) = &tag {
            let types: Vec<_> = parts.iter().map(|part| &part.ty).collect();
            let calls =
                parts.iter().enumerate().filter(|(_, part)| part.is_declarable()).map(|(index, part)| {
                    let (ty, place) = (&part.ty, syn::Index::from(index + 1));
                    let shown = format!("{ident}.{}", part.name);
                    quote!(fields.variant::<#ty>(
                    #shown, at, ::core::mem::offset_of!(Laid, #place), ::core::mem::size_of::<Self>(),
                    (::core::mem::size_of::<#tag>(), NUMBER as i128 as u64),
                );)
                });
            declare.push(quote!({
                #[repr(C)]
                #[allow(dead_code)]
                struct Laid(#tag, #(#types),*);
                const NUMBER: #tag = #number;
                #(#calls)*
            }));
        }
        number = quote!((#number + 1));
        all.extend(parts);
    }
    let holds = any(all.iter().map(Part::holds));
    let whole_walk = quote!(Self::HOLDS);
    if tag.is_none() {
        let needs = match all.iter().any(|part| part.recursive) {
            true => quote!(true),
            false => quote!(::core::mem::needs_drop::<Self>()),
        };
        return Ok(Body {
            holds,
            walks: whole_walk,
            drops: needs,
            declare: quote!(),
            trace: quote!(match self { #(#trace)* _ => {} }),
            trace_rest: quote!(self.trace(tracer);),
            drop_rest: quote!(::core::ptr::drop_in_place(this);),
            asserts: asserts(all.iter()),
        });
    }
    let whole = quote!(<::rcgc_gc::derived::Ask<Self>>::DROPS);
    let pointer = |part: &Part| part.constant("IS_POINTER", quote!(false));
    let walks = any(all.iter().map(|part| {
        let (holds, pointer) = (part.holds(), pointer(part));
        quote!((#holds && !#pointer))
    }));
    let drops = any(all.iter().map(|part| {
        let (ty, pointer) = (&part.ty, pointer(part));
        quote!((::core::mem::needs_drop::<#ty>() && !#pointer))
    }));
    Ok(Body {
        holds,
        walks: quote!(if #whole { Self::HOLDS } else { #walks }),
        drops: quote!(#whole || #drops),
        declare: quote!(if !#whole { #(#declare)* }),
        trace: quote!(match self { #(#trace)* _ => {} }),
        trace_rest: quote!(if #whole { return self.trace(tracer); } match self { #(#trace_rest)* _ => {} }),
        drop_rest: quote! {
            if #whole {
                return ::core::ptr::drop_in_place(this);
            }
            match &mut *this { #(#drop_rest)* _ => {} }
        },
        asserts: asserts(all.iter()),
    })
}

fn derive(input: DeriveInput) -> syn::Result<Tokens> {
    let body = match &input.data {
        Data::Struct(data) => of_struct(&parts(&data.fields, &input.ident)?),
        Data::Enum(data) => of_enum(&input, data)?,
        Data::Union(_) => {
            return Err(Error::new_spanned(&input.ident, "Trace cannot be derived for a union"))
        }
    };
    let mut generics = input.generics.clone();
    for parameter in input.generics.type_params() {
        let ident = &parameter.ident;
        generics.make_where_clause().predicates.push(parse_quote!(#ident: ::rcgc_gc::Trace));
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    let ident = &input.ident;
    let Body { holds, walks, drops, declare, trace, trace_rest, drop_rest, asserts } = body;
    Ok(quote! {
        const _: () = {
            #[allow(unused_imports)]
            use ::rcgc_gc::derived::Not as _;
            #[allow(unused_variables, unused_mut, unreachable_patterns, clippy::all, unsafe_code, unsafe_op_in_unsafe_fn)]
            // SAFETY: every field is visited once, in one of the two ways, and dropped unless it was declared.
            unsafe impl #impl_generics ::rcgc_gc::Trace for #ident #type_generics #where_clause {
                const HOLDS: bool = #holds;
                const WALKS_REST: bool = #walks;
                const DROPS_REST: bool = #drops;
                fn declare(fields: &mut ::rcgc_gc::derived::Fields, at: usize) {
                    #asserts
                    #declare
                }
                fn trace(&self, tracer: &mut ::rcgc_gc::Tracer<'_>) {
                    #trace
                }
                fn trace_rest(&self, tracer: &mut ::rcgc_gc::Tracer<'_>) {
                    #trace_rest
                }
                unsafe fn drop_rest(this: *mut Self) {
                    #drop_rest
                }
            }
        };
    })
}

/// Derives `Trace`. Fields may have `#[trace(skip)]`, which their type must be `Acyclic` for, and `#[trace(recursive)]`, for a type
/// that leads back to this one by way of other types, and not of a `Gc`.
#[proc_macro_derive(Trace, attributes(trace))]
pub fn derive_trace(input: TokenStream) -> TokenStream {
    derive(parse_macro_input!(input as DeriveInput)).unwrap_or_else(Error::into_compile_error).into()
}

/// Derives `Acyclic`, for a type whose fields all are.
#[proc_macro_derive(Acyclic)]
pub fn derive_acyclic(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let fields: Vec<Type> = match &input.data {
        Data::Struct(data) => data.fields.iter().map(|field| field.ty.clone()).collect(),
        Data::Enum(data) => {
            data.variants.iter().flat_map(|one| one.fields.iter().map(|field| field.ty.clone())).collect()
        }
        Data::Union(_) => {
            return Error::new_spanned(&input.ident, "Acyclic cannot be derived for a union")
                .into_compile_error()
                .into()
        }
    };
    let mut generics = input.generics.clone();
    for parameter in input.generics.type_params() {
        let ident = &parameter.ident;
        generics.make_where_clause().predicates.push(parse_quote!(#ident: ::rcgc_gc::Acyclic));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let ident = &input.ident;
    quote! {
        impl #impl_generics ::rcgc_gc::Acyclic for #ident #type_generics #where_clause {}
        const _: () = {
            #[allow(dead_code)]
            fn fields_are_acyclic #impl_generics () #where_clause {
                #(::rcgc_gc::derived::assert_acyclic::<#fields>();)*
            }
        };
    }
    .into()
}
