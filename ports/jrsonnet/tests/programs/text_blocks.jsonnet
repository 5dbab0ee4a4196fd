{ a: |||
    one
      two

    three
  |||, b: @'raw \n ''quoted''' }
